"""Completion scripts and pages of the manual hold every command, option, action and key of the program, and their readers accept them.

    test_completions_and_manual.py NERVE SOURCE_ROOT
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'build'))
from rows import check, finish, skip


def ask(nerve, *arguments):
    return subprocess.run([nerve, *arguments], capture_output=True, text=True, check=True).stdout


def options_of(help_text):
    return sorted(set(re.findall(r'^ +(?:-\w, )?--([a-z][a-z-]*)', help_text, re.M)) - {'help', 'usage', 'version'})


def missing(parts, text):
    return [f'{part} is missing' for part in parts if part not in text]


def refused(command, text):
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    return [] if done.returncode == 0 else [f'exit {done.returncode}', *done.stderr.splitlines()[:5]]


def complete(script, *words):
    """What bash offers for the last word."""
    line = ' '.join(f"'{word}'" for word in words)
    program = f'{script}\nCOMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _nerve; printf "%s\\n" "${{COMPREPLY[@]}}"'
    return subprocess.run(['bash', '--norc', '-c', program], capture_output=True, text=True, check=True).stdout.split()


def offers(script, words, expected):
    found = complete(script, *words)
    check(f'bash offers {" ".join(expected) or "file names"} for {" ".join(words)}', [] if found == expected else [f'found {found}'])


def check_bash(script):
    offers(script, ['nerve', 'eva'], ['evaluate'])
    offers(script, ['nerve', '--v'], ['--version'])
    offers(script, ['nerve', 'evaluate', '--sp'], ['--split'])
    offers(script, ['nerve', 'evaluate', '--split', 't'], ['train', 'test'])
    offers(script, ['nerve', 'evaluate', '-s', 'v'], ['valid'])
    offers(script, ['nerve', 'evaluate', '--data', 'x'], [])
    offers(script, ['nerve', 'config', 's'], ['show', 'schema'])
    offers(script, ['nerve', 'config', 'show', 's'], [])
    offers(script, ['nerve', 'train', 'x.yaml', 'train.see'], ['train.seed='])
    offers(script, ['nerve', 'score', 'train.see'], [])


def main(nerve, root):
    names = [line.split()[0] for line in ask(nerve, '--help').splitlines() if line.startswith('  ')]
    options = {name: options_of(ask(nerve, name, '--help')) for name in names}
    keys = re.findall(r'^\| `([a-z_.]+)`', ask(nerve, 'config', 'keys'), re.M)
    check('there is something to look for', [] if len(names) >= 8 and len(keys) > 30 and 'split' in options['evaluate'] else [str(options)])

    for shell in 'bash', 'zsh', 'fish':
        script = ask(nerve, 'completion', shell)
        check(f'{shell} knows every command and key', missing(names + [key + '=' for key in keys], script))
        for name in names:
            mark = (lambda o: f'-l {o}') if shell == 'fish' else (lambda o: f'--{o}')
            check(f'{shell} knows every option of {name}', missing(map(mark, options[name]), script))
        if shutil.which(shell):
            with tempfile.NamedTemporaryFile('w', suffix='.' + shell) as file:
                file.write(script)
                file.flush()
                check(f'{shell} reads the script', refused([shell, '-n', file.name], ''))
        elif shell != 'bash':
            print(f'{shell} is not on this machine: its script is not read by it')
    check_bash(ask(nerve, 'completion', 'bash'))

    pages = {page: ask(nerve, 'manual', page) for page in ('nerve', 'config')}
    pages['checkpoint'] = (pathlib.Path(root) / 'docs' / 'nerve-checkpoint.5.scd').read_text()
    plain = {page: re.sub(r'\\(.)', r'\1', text) for page, text in pages.items()}
    check('nerve(1) has every command', missing([f'*nerve {name}*' for name in names], plain['nerve']))
    for name in names:
        section = plain['nerve'].split(f'# NERVE {name.upper()}\n')[1].split('\n# ')[0]
        check(f'nerve(1) has every option of {name}', missing([f'*--{o}*' for o in options[name]], section))
    check('nerve-config(5) has every key', missing([f'*{key}*' for key in keys], plain['config']))

    def constant(header, name):
        return re.search(rf'\b{name} = (\d+)', (pathlib.Path(root) / header).read_text()).group(1)
    check('nerve-checkpoint(5) tells the versions of the source', missing(
        [f'version of the block, 32 bits: {constant("src/store/container.h", "CONTAINER_VERSION")}\n',
         f'at present {constant("src/nerve/model_store.h", "MODEL_FORMAT")}.', f'from {constant("src/nerve/model_store.h", "MODEL_FORMAT_OLDEST")} on'],
        plain['checkpoint']))
    members = re.findall(r'checkpoint_add_(?:text|integer|number)\(w, "(\w+)"', (pathlib.Path(root) / 'src/nerve/model_store.c').read_text())
    check('nerve-checkpoint(5) has every member of /meta', missing([f'*{m}*' for m in members], plain['checkpoint']) if members else ['none found'])
    for page, text in pages.items():
        if shutil.which('scdoc'):
            check(f'scdoc reads the page {page}', refused(['scdoc'], text))
        else:
            skip(f'scdoc reads the page {page}', 'scdoc is not installed')
    finish()


main(*sys.argv[1:])
