#!/usr/bin/env python3
"""layers.py tells each kind of violation: a small project of two rooms passes, and fails with the right row once a violation is planted."""
import json
import pathlib
import subprocess
import sys
import tempfile

import rows

CHECKER = str(pathlib.Path(__file__).with_name('layers.py'))
CC = sys.argv[1:] or ['cc']

SOUND = {
    'src/base/report.h': 'int report_set(void);\n',
    'src/base/report.c': '#include "report.h"\n#include <stdio.h>\n#include <zlib.h>\nint report_set(void) { return 1; }\n',
    'src/data/tags.h': '#include "report.h"\nint tags_read(void);\n',
    'src/data/tags.c': '#include "tags.h"\n#include <sys/stat.h>\nint tags_read(void) { return report_set(); }\n',
}
PATHS = {'base': ['base'], 'data': ['data', 'base']}


def outcome(changes, paths, unbuilt):
    """Exit status and failed rows of layers.py on the sound project with changes."""
    with tempfile.TemporaryDirectory() as folder:
        top = pathlib.Path(folder).resolve()
        build, commands = top / 'build', []
        for name, text in {'outside/zlib.h': '/* stands in for an outside library */\n', **SOUND, **changes}.items():
            (top / name).parent.mkdir(parents=True, exist_ok=True)
            (top / name).write_text(text)
        for source in sorted((top / 'src').rglob('*.c')):
            room = source.relative_to(top).parts[1]
            if room == unbuilt:
                continue
            command = [*CC, f'-I{top}/outside', *(f'-I{top}/src/{path}' for path in paths.get(room, [room]))]
            commands.append({'directory': str(build), 'file': str(source), 'command': ' '.join([*command, '-c', str(source)])})
            target = build / 'src' / room / (source.stem + '.o')
            target.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run([*command, '-c', str(source), '-o', str(target)], check=True, capture_output=True)
            subprocess.run(['ar', 'rcs', str(target.with_name(f'lib{room}.a')), str(target)], check=True)
        (build / 'compile_commands.json').write_text(json.dumps(commands))
        done = subprocess.run([sys.executable, CHECKER, str(top), str(build)], text=True, capture_output=True, check=False)
        return done.returncode, [line.removeprefix('FAILED ') for line in done.stdout.splitlines() if line.startswith('FAILED ')], done.stderr


def expect(claim, wanted, changes, paths=PATHS, unbuilt=None):
    status, failures, stderr = outcome(changes, paths, unbuilt)
    problems = [] if (status != 0) == bool(wanted) else [f'status {status}', *stderr.splitlines()]
    if failures != wanted:
        problems += [f'failed rows: {failures}', f'expected:    {wanted}']
    rows.check(claim, problems)


def main():
    expect('a sound project passes', [], {})
    expect('an include by .. is told', ['base: no #include holds a folder'],
           {'src/base/bad.c': '#include "../data/tags.h"\nint bad(void);\nint bad(void) { return 0; }\n'})
    expect('an include by a folder is told', ['data: no #include holds a folder'],
           {'src/data/bad.c': '#include "sub/inner.h"\nint bad(void);\nint bad(void) { return 0; }\n', 'src/data/sub/inner.h': ''})
    expect('a second user of an outside library is told', ['<zlib.h> of an outside library is included by one .c file'],
           {'src/data/bad.c': '#include <zlib.h>\nint bad(void);\nint bad(void) { return 0; }\n'})
    expect('an outside library in a header is told', ['<zlib.h> of an outside library is included by one .c file'],
           {'src/base/report.c': '#include "report.h"\nint report_set(void) { return 1; }\n', 'src/base/report.h': '#include <zlib.h>\nint report_set(void);\n'})
    expect('an include path that shows a room above is told', ['base sees no header of data'], {}, {'base': ['base', 'data'], 'data': ['data', 'base']})
    expect('an include path that lacks a room below is told', ['data sees every header of base', 'data sees every header of data'],
           {'src/data/tags.c': 'int tags_read(void);\nint tags_read(void) { return 0; }\n'}, {'base': ['base'], 'data': ['data']})
    expect('a header that does not compile by itself is told', ['base sees every header of base', 'data sees every header of base'],
           {'src/base/loose.h': 'size_t loose(void);\n'})
    expect('two headers of one name are told', ['no two headers have the same name', 'base sees no header of data'],
           {'src/data/report.h': 'int report_set(void);\n'})
    expect('a call into a room above is told', ['base calls nothing of data'],
           {'src/base/bad.c': 'int tags_read(void);\nint bad(void);\nint bad(void) { return tags_read(); }\n'})
    expect('a room that is not in the table is told', ['every folder of src is a known room'], {'src/attic/old.c': 'int old(void);\nint old(void) { return 0; }\n'})
    expect('a room that is not built is told', ['models: is compiled', 'models defines symbols'],
           {'src/models/bert.c': 'int bert(void);\nint bert(void) { return 0; }\n'}, unbuilt='models')
    rows.finish()


main()
