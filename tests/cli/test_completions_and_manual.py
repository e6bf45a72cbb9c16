"""Completion scripts and pages of the manual hold every command, option, action and key of the program, and their readers accept them.

    test_completions_and_manual.py NERVE SOURCE_ROOT
"""
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'build'))
import shells
from rows import check, finish, skip


def ask(nerve, *arguments):
    return subprocess.run([nerve, *arguments], capture_output=True, text=True, check=True).stdout


def options_of(help_text):
    return sorted(set(re.findall(r'^ +(?:-\w, +)?--([a-z][a-z-]*)', help_text, re.M)) - {'help', 'usage', 'version'})


def choices_of(help_text):
    return [(name, sorted(words.split('|'))) for name, words in re.findall(r'^ +(?:-\w, +)?--([a-z-]+)=([a-z0-9|-]+)(?: |$)', help_text, re.M)]


def missing(parts, text):
    return [f'{part} is missing' for part in parts if part not in text]


def refused(command, text):
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    return [] if done.returncode == 0 else [f'exit {done.returncode}', *done.stderr.splitlines()[:5]]


def rows(options, choices):
    """A line behind `nerve `, and what is offered for its last word."""
    yield 'eva', ['evaluate']
    yield '--v', ['--version']
    for name in options:
        yield f'{name} --', [f'--{o}' for o in options[name]] + ['--help', '--usage']
        for option, words in choices[name]:
            yield f'{name} --{option} ', words
            yield f'{name} --{option}={words[-1][:-1]}', [f'--{option}={words[-1]}']
    yield 'evaluate --split t', ['test', 'train']
    yield 'evaluate -s v', ['valid']
    yield 'evaluate --data ', ['data', 'run']
    yield 'bench train --shape ', ['bert-base', 'data', 'minilm', 'run']
    yield 'bench predict --shape=mi', ['--shape=minilm']
    yield 'synth --tweets ', []
    yield 'synth ', ['data', 'run']
    yield 'data ', ['check', 'stats']
    yield 'config ', ['init', 'keys', 'schema', 'show']
    yield 'config show d', ['data']
    yield 'config schema d', []
    yield 'info r', ['run']
    yield 'manual ', ['config', 'nerve']
    yield 'train a', ['a b.yaml']
    yield 'train --out run a', ['a b.yaml']
    yield 'train x.yaml train.see', ['train.seed=']
    yield 'train x.yaml model.crf=t', ['model.crf=true']
    yield 'train x.yaml data.dir=d', ['data.dir=data']
    yield 'train x.yaml data.train=data/x', ['data.train=data/x.txt']
    yield 'data -q check data train.schedule=co', ['train.schedule=cosine']
    yield 'score train.see', []
    yield 'frob ', []


def check_offers(shell, script, table):
    """The shell itself completes each line, in a folder of its own; names of files there are told from words."""
    with shells.Place(['data/x.txt', 'run/checkpoint', 'a b.yaml']) as place:
        try:
            found = getattr(shells, shell)(place, script, [line for line, _ in table])
        except shells.NoAnswer as problem:
            check(f'{shell} completes', [str(problem)])
            return
        for (line, expected), words in zip(table, found, strict=True):
            check(f'{shell} offers {" ".join(expected) or "nothing"} for nerve {line}',
                  [] if sorted(words) == sorted(expected) else [f'found {words}'])


def main(nerve, root):
    names = [line.split()[0] for line in ask(nerve, '--help').splitlines() if line.startswith('  ')]
    helps = {name: ask(nerve, name, '--help') for name in names}
    options = {name: options_of(text) for name, text in helps.items()}
    keys = re.findall(r'^\| `([a-z_.]+)`', ask(nerve, 'config', 'keys'), re.M)
    check('there is something to look for', [] if len(names) >= 8 and len(keys) > 30 and 'split' in options['evaluate'] else [str(options)])

    for name, text in [('', ask(nerve, '--help')), *helps.items()]:
        check(f'the help of nerve {name} fits a terminal of 80 columns', [line for line in text.splitlines() if len(line) > 79])
        check(f'the examples of nerve {name} fit a page of the manual', [line for line in text.splitlines() if re.match(r'  \S*.*\bnerve \w', line) and len(line) > 71])
        check(f'the help of nerve {name} has each option in its column', [line for line in text.splitlines() if re.match(r' +-\w,  ', line)])

    table = list(rows(options, {name: choices_of(text) for name, text in helps.items()}))
    for shell in 'bash', 'zsh', 'fish':
        script = ask(nerve, 'completion', shell)
        check(f'{shell} knows every command and key', missing(names + [key + '=' for key in keys], script))
        if not shutil.which(shell):
            skip(f'{shell} completes', f'{shell} is not installed')
        elif not shells.has_terminals():
            skip(f'{shell} completes', 'there are no pseudo-terminals')
        else:
            check_offers(shell, script, table)

    pages = {page: ask(nerve, 'manual', page) for page in ('nerve', 'config')}
    pages['checkpoint'] = (pathlib.Path(root) / 'docs' / 'nerve-checkpoint.5.scd').read_text()
    plain = {page: re.sub(r'\\(.)', r'\1', text) for page, text in pages.items()}
    check('nerve(1) has every command', missing([f'*nerve {name}*' for name in names], plain['nerve']))
    common = set.intersection(*map(set, options.values()))
    check('nerve(1) has the options of every command', missing([f'*--{o}*' for o in common], plain['nerve'].split('# COMMANDS\n')[0]))
    for name in names:
        section = plain['nerve'].split(f'## nerve {name}\n')[1].split('\n#')[0]
        check(f'nerve(1) has every option of {name}', missing([f'*--{o}*' for o in options[name] if o not in common], section))
    check('nerve-config(5) has every key', missing([f'*{key}*' for key in keys], plain['config']))

    def constant(header, name):
        return re.search(rf'\b{name} = (\d+)', (pathlib.Path(root) / header).read_text()).group(1)
    check('nerve-checkpoint(5) tells the versions of the source', missing(
        [f'version of the block, 32 bits: 1, or {constant("src/store/container.h", "CONTAINER_VERSION")} where there is a gap\n',
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
