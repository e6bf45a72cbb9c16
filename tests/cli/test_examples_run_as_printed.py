"""Every example in the help of every command runs as it is printed, in the order of the table of commands: a command's examples use what
those above have made.

    test_examples_run_as_printed.py NERVE CONFIGS

The directory of the examples holds configs/ (with fewer and smaller steps), gold.conll, found.conll and predictions.txt; all else they make.
"""
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'build'))
from rows import check, finish

SMALL = {'layers': '1', 'width': '32', 'heads': '4', 'inner': '48', 'epochs': '1', 'batch': '64',
         'vision_size': '16', 'vision_layers': '1', 'vision_width': '32', 'vision_inner': '48'}
GOLD = 'Ada\tB-PER\nLovelace\tI-PER\nin\tO\nParis\tB-LOC\n\n'
PREDICTED = 'Ada\tB-PER\nLovelace\tO\nin\tO\nParis\tB-LOC\n\n'
CAPTIONS = 'data: {dir: synth}\nmodel: {visual: caption, encoder: exported/encoder}\n'


def fill(directory, configs):
    (directory / 'configs/ablation').mkdir(parents=True)
    for config in configs.glob('ablation/*.yaml'):
        (directory / 'configs/ablation' / config.name).write_text(config.read_text())
    for config in configs.glob('*.yaml'):
        lines = config.read_text().splitlines()
        if config.name.startswith('synth'):
            lines = [f'  {line.split(":")[0].strip()}: {SMALL[line.split(":")[0].strip()]}' if line.split(':')[0].strip() in SMALL else line for line in lines]
        (directory / 'configs' / config.name).write_text('\n'.join(lines) + '\n')
    (directory / 'gold.conll').write_text(GOLD)
    (directory / 'found.conll').write_text(PREDICTED)
    (directory / 'captions.yaml').write_text(CAPTIONS)
    rows = zip(GOLD.splitlines(), PREDICTED.splitlines())
    (directory / 'predictions.txt').write_text(''.join(f'{a}\t{b.split(chr(9))[1]}\n' if a else '\n' for a, b in rows))


def examples(help_text):
    """The lines of the Examples block, and what is wrong with it: a line that was broken to fit cannot be pasted."""
    lines = help_text.split('Examples:\n')[1].split('\n\n')[0].splitlines() if 'Examples:\n' in help_text else []
    broken = [f'broken line: {line}' for line in lines if not line.startswith('  ')]
    return [line.strip() for line in lines], broken if lines else ['no examples']


def run(nerve, directory, example):
    environment = dict(os.environ, PATH=f'{pathlib.Path(nerve).resolve().parent}:{os.environ["PATH"]}')
    done = subprocess.run(['bash', '-o', 'pipefail', '-c', example], cwd=directory, env=environment, capture_output=True, text=True, timeout=300)
    return [] if done.returncode == 0 else [f'exit {done.returncode}', *done.stderr.splitlines()[-5:]]


def main(nerve, configs):
    def ask(*arguments):
        return subprocess.run([nerve, *arguments], capture_output=True, text=True, check=True).stdout
    names = [line.split()[0] for line in ask('--help').splitlines() if line.startswith('  ')]
    check('there are commands', [] if len(names) >= 8 else names)
    with tempfile.TemporaryDirectory() as folder:
        directory = pathlib.Path(folder)
        fill(directory, pathlib.Path(configs))
        for name in names:
            lines, problems = examples(ask(name, '--help'))
            check(f'{name} has examples that can be pasted', problems)
            for line in lines:
                check(line, run(nerve, directory, line))
    finish()


main(*sys.argv[1:])
