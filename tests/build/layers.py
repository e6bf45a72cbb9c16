#!/usr/bin/env python3
"""The rooms of src/ look downward only: by their includes, by their include paths as they are really compiled, and by their symbols.

  layers.py SOURCE BUILD      SOURCE/src holds the rooms, BUILD the compile_commands.json and libraries of a finished build
"""
import collections
import itertools
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

import rows

# Whom a room may see besides itself.
BELOW = {
    'base': [],
    'autograd': ['base'],
    'models': ['base', 'autograd'],
    'evidential': ['base', 'autograd'],
    'data': ['base'],
    'store': ['base'],
    'nerve': ['base', 'autograd', 'models', 'evidential', 'data', 'store'],
    'cli': ['base', 'autograd', 'models', 'evidential', 'data', 'store', 'nerve'],
}

# What belongs to C, POSIX, Linux or the compiler; every other <header> is one of an outside library.
OF_THE_SYSTEM = set('''assert ctype errno float inttypes limits locale math setjmp signal stdalign stdarg stdatomic stdbool stddef stdint stdio
stdlib stdnoreturn string time uchar wchar wctype dirent fcntl fenv ftw getopt glob langinfo libgen malloc poll pthread sched semaphore spawn strings
syslog termios unistd argp cpuid immintrin omp execinfo link dlfcn'''.split())

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.MULTILINE)


def lines_of(claims):
    return sorted(str(claim) for claim in claims)


class Project:
    def __init__(self, source, build):
        self.source, self.build = pathlib.Path(source), pathlib.Path(build)
        self.rooms = sorted(entry.name for entry in (self.source / 'src').iterdir() if entry.is_dir())

    def files(self, room, *suffixes):
        return sorted(path for path in (self.source / 'src' / room).rglob('*') if path.suffix in suffixes)

    def has_code(self, room):
        return bool(self.files(room, '.c'))

    def place(self, path):
        return path.relative_to(self.source)

    def commands(self, room):
        """How the files of a room are compiled, once for each set of include paths among them: compiler and flags, and the directory."""
        found = collections.OrderedDict()
        for entry in json.loads((self.build / 'compile_commands.json').read_text()):
            path = pathlib.Path(os.path.normpath(os.path.join(entry['directory'], entry['file'])))
            if (self.source / 'src' / room) not in path.parents:
                continue
            # A test program may compile a file of a room for itself, under its own include paths.
            if entry.get('output', '').startswith('tests/'):
                continue
            words = shlex.split(entry['command'])
            while words[0] in ('ccache', 'sccache'):
                words.pop(0)
            flags, paths, rest = [words[0]], [], iter(words[1:])
            for word in rest:
                if word.startswith('-D') or word.startswith('-std='):
                    flags.append(word)
                elif re.match(r'-(I|isystem|iquote|idirafter)', word):
                    # The folder of a target's own objects is the target's, not the room's.
                    if not word.endswith('.p'):
                        paths.append(word)
                    if word in ('-I', '-isystem', '-iquote', '-idirafter'):
                        paths.append(next(rest))
            found.setdefault(tuple(paths), ([*flags, *paths], entry['directory']))
        return list(found.values())


def check_includes(project):
    """By the text: no way round the include path, and one file for each outside library."""
    users = collections.defaultdict(set)
    for room in project.rooms:
        wrong = []
        for path in project.files(room, '.c', '.h', '.def'):
            for kind, name in INCLUDE.findall(path.read_text()):
                if '..' in name or (kind == '"' and '/' in name):
                    wrong.append(f'{project.place(path)}: {name}')
                if kind == '<' and not name.startswith(('sys/', 'linux/')) and name.removesuffix('.h') not in OF_THE_SYSTEM:
                    users[name].add(project.place(path))
        rows.check(f'{room}: no #include holds a folder', wrong)
    for header, places in sorted(users.items()):
        single = len(places) == 1 and all(place.suffix == '.c' for place in places)
        rows.check(f'<{header}> of an outside library is included by one .c file', [] if single else lines_of(places))

    owners = collections.defaultdict(set)
    for room in project.rooms:
        for path in project.files(room, '.h'):
            owners[path.name].add(project.place(path))
    rows.check('no two headers have the same name', lines_of(f'{name}: {lines_of(places)}' for name, places in owners.items() if len(places) > 1))


def compile_text(command, directory, text):
    done = subprocess.run([*command, '-fsyntax-only', '-x', 'c', '-'], input=text, text=True, capture_output=True, cwd=directory, check=False)
    return done.returncode == 0, done.stderr.strip().splitlines()


def check_visibility(project):
    """By the compiler: a room finds each header that it may see, which compiles by itself, and no other."""
    for room in filter(project.has_code, project.rooms):
        commands = project.commands(room)
        if not commands:
            rows.check(f'{room}: is compiled', [f'no file of src/{room} stands in compile_commands.json'])
            continue
        for other in project.rooms:
            may_see = other == room or other in BELOW[room]
            # A header in a folder of a room is the room's own: only its neighbours find it.
            headers = [path.name for path in project.files(other, *(['.h'] if may_see else ['.h', '.def']))
                       if not may_see or path.parent.name == other]
            problems = []
            for (command, directory), header in itertools.product(commands, headers):
                if may_see:
                    compiles, messages = compile_text(command, directory, f'#include "{header}"\n')
                    if not compiles:
                        problems.append(f'{header} does not compile by itself: {(messages or ["?"])[0]}')
                else:
                    # Not a plain #include: it would fail, too, for the headers that the header itself includes.
                    unseen, _ = compile_text(command, directory, f'#if __has_include("{header}")\n#error it is seen\n#endif\n')
                    if not unseen:
                        problems.append(f'{header} is seen by {" ".join(command[1:])}')
            rows.check(f'{room} sees {"every header" if may_see else "no header"} of {other}', lines_of(set(problems)))


def symbols(objects):
    """(defined, undefined) names of some libraries and objects."""
    defined, undefined = set(), set()
    for name in objects:
        for line in subprocess.run(['nm', '-g', '-P', name], text=True, capture_output=True, check=True).stdout.splitlines():
            words = line.split()
            if len(words) >= 2 and len(words[1]) == 1:
                (undefined if words[1] in 'Uw' else defined).add(words[0])
    return defined, undefined - defined


def check_symbols(project):
    """By the linker: what a room calls is defined by a room that it may see."""
    table, built = {}, list(filter(project.has_code, project.rooms))
    for room in built:
        # A room is a static library; the one that holds main() may be linked by its objects.
        table[room] = symbols([*(project.build / 'src' / room).glob('*.a'), *project.build.glob(f'*.p/src_{room}_*.o')])
        rows.check(f'{room} defines symbols', [] if table[room][0] else [f'no library with symbols below {project.build}/src/{room}'])
    for room, other in itertools.permutations(built, 2):
        if other not in BELOW[room]:
            rows.check(f'{room} calls nothing of {other}', lines_of(table[room][1] & table[other][0]))


def main(source, build):
    project = Project(source, build)
    unknown = [room for room in project.rooms if room not in BELOW]
    rows.check('every folder of src is a known room', unknown)
    if not unknown:
        check_includes(project)
        check_visibility(project)
        check_symbols(project)
    rows.finish()


main(*sys.argv[1:])
