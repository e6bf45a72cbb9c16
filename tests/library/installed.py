#!/usr/bin/env python3
"""What `meson install` puts into a prefix is all that another program needs, and works there.

  installed.py MESON BUILD SOURCE CHECKPOINT COMPILER...

CHECKPOINT.h5 is a stored model, CHECKPOINT.json {"sentences": [{words, tags}]} what it finds.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'build'))
import rows

MESON, BUILD, SOURCE, CHECKPOINT, *COMPILER = sys.argv[1:]


def run(*command, **options):
    return subprocess.run([str(word) for word in command], text=True, capture_output=True, check=False, **options)


def complaint(done, *more):
    return [f'exit {done.returncode}', *done.stderr.splitlines(), *more] if done.returncode else []


def check_files(root):
    programs, headers, libraries = (sorted(path.name for path in root.rglob('*') if not path.is_dir() and path.parent.name == parent)
                                    for parent in ('bin', 'include', LIBRARY_FOLDER.name))
    rows.check('the program is installed', [] if programs == ['nerve'] else programs)
    rows.check('nerve.h is, and no other header', [] if headers == ['nerve.h'] else headers)
    shared = [name for name in libraries if re.fullmatch(r'libnerve\.so(\.\d+)*', name)]
    rows.check('libnerve.so is, with its versions, and no part of it', [] if len(shared) == 3 and shared == libraries else libraries)


def check_symbols(library, header):
    found = sorted(line.split()[-1] for line in run('nm', '-D', '--defined-only', library).stdout.splitlines())
    declared = sorted(re.findall(r'^NERVE_API [^(]*?(\w+)\(', header.read_text(), re.MULTILINE))
    rows.check(f'libnerve.so shows the {len(declared)} functions of nerve.h and nothing else',
               sorted(set(found) ^ set(declared)) + ([] if declared else ['no function found']))


def check_header(header):
    for standard in ('c99', 'c17'):
        done = run(*COMPILER, f'-std={standard}', '-pedantic', '-Wall', '-Wextra', '-Werror', '-fsyntax-only', '-x', 'c', header)
        rows.check(f'nerve.h is {standard}', complaint(done))
    compiler = shutil.which('c++')
    if compiler:
        rows.check('nerve.h is C++', complaint(run(compiler, '-Wall', '-Wextra', '-Werror', '-fsyntax-only', '-x', 'c++', header)))
    else:
        rows.skip('nerve.h is C++', 'no c++ in PATH')


def check_openblas(name, path):
    """The flavour that is linked, though `meson install` takes away what the build had for it."""
    loaded = [line.strip() for line in run('ldd', path).stdout.splitlines() if 'libopenblas' in line]
    if not any(pathlib.Path('/usr/lib').glob('*/openblas-openmp/libopenblas.so.0')):
        rows.skip(f'{name} loads the OpenMP flavour of OpenBLAS', 'this system has no folder for it')
    else:
        rows.check(f'{name} loads the OpenMP flavour of OpenBLAS', [] if loaded and all('openblas-openmp' in line for line in loaded) else loaded)


def expected_lines(sentences):
    """What the example prints, but for the scores: (type, characters, words) of each entity, None behind each sentence."""
    for sentence in sentences:
        words, tags, at, begin = sentence['words'], [*sentence['tags'], 'O'], 0, 0
        for k, word in enumerate(words):
            if tags[k].startswith('B-'):
                begin = at
            at += len(word)
            if tags[k] != 'O' and not tags[k + 1].startswith('I-'):
                yield tags[k][2:], f'{begin}-{at}', ' '.join(words)[begin:at]
            at += 1
        yield None


def check_example(root, library, folder):
    sentences = json.loads(pathlib.Path(f'{CHECKPOINT}.json').read_text())['sentences']
    text = ''.join(' '.join(sentence['words']) + '\n' for sentence in sentences)
    environment = {**os.environ, 'PKG_CONFIG_PATH': str(library / 'pkgconfig'), 'PKG_CONFIG_SYSROOT_DIR': str(root)}
    flags = run('pkg-config', '--cflags', '--libs', 'nerve', env=environment)
    rows.check('pkg-config knows nerve', complaint(flags))
    program = folder / 'predict'
    done = run(*COMPILER, '-Wall', '-Wextra', '-Werror', pathlib.Path(SOURCE) / 'examples/predict.c', *flags.stdout.split(), '-o', program)
    rows.check('examples/predict.c is compiled with its flags alone', complaint(done, flags.stdout))
    if done.returncode:
        return
    with_library = {**os.environ, 'LD_LIBRARY_PATH': str(library)}
    done = run(program, f'{CHECKPOINT}.h5', input=text, env=with_library)
    found = [(line.split('\t')[0], line.split('\t')[2], line.split('\t')[3]) if line else None for line in done.stdout.splitlines()]
    expected = list(expected_lines(sentences))
    rows.check(f'it finds the {sum(map(bool, expected))} entities of {len(sentences)} lines',
               complaint(done) or ([] if found == expected else [f'expected {expected}', f'found {found}']))
    done = run(program, '/nowhere/at/all', input=text, env=with_library)
    rows.check('it says what is wrong', [] if done.returncode == 1 and '/nowhere/at/all: cannot open' in done.stderr else [done.stderr])
    done = run(root / PREFIX / 'bin/nerve', 'predict', '--model', f'{CHECKPOINT}.h5', '--format', 'jsonl', input=text)
    told = []
    for line in done.stdout.splitlines():
        told += [(e['entity_group'], f'{e["start"]}-{e["end"]}', e['word']) for e in json.loads(line)['entities']] + [None]
    rows.check('the installed program finds the same', complaint(done) or ([] if told == expected else [f'expected {expected}', f'found {told}']))


with tempfile.TemporaryDirectory(prefix='nerve-test.') as name:
    folder = pathlib.Path(name)
    root = folder / 'root'
    done = run(MESON, 'install', '-C', BUILD, '--no-rebuild', '--destdir', root)
    rows.check('meson install', complaint(done, *done.stdout.splitlines()))
    libraries = sorted(root.rglob('libnerve.so'))
    if len(libraries) != 1:
        rows.check('there is one libnerve.so', [str(path) for path in libraries] or ['none'])
        rows.finish()
    LIBRARY_FOLDER = libraries[0].parent
    header = next(root.rglob('nerve.h'))
    PREFIX = header.parent.parent.relative_to(root)
    check_files(root)
    check_symbols(libraries[0], header)
    check_header(header)
    check_openblas('nerve', root / PREFIX / 'bin/nerve')
    check_openblas('libnerve.so', libraries[0])
    check_example(root, LIBRARY_FOLDER, folder)
rows.finish()
