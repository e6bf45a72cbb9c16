#!/usr/bin/env python3
"""Programs of the default build are hardened: every source is compiled with the flags, and the linked programs show what the flags are for.

  hardening.py BUILD PROGRAM...
"""
import json
import pathlib
import subprocess
import sys

import rows

FLAGS = ['-D_FORTIFY_SOURCE=3', '-fstack-protector-strong', '-fstack-clash-protection', '-fPIE']


def readelf(program, *options):
    return subprocess.run(['readelf', '-W', *options, program], text=True, capture_output=True, check=True).stdout


def check_flags(build):
    commands = json.loads((pathlib.Path(build) / 'compile_commands.json').read_text())
    for flag in FLAGS:
        # -fPIC is the stronger form of -fPIE.
        without = [entry['file'] for entry in commands if flag not in entry['command'].split() and not (flag == '-fPIE' and '-fPIC' in entry['command'].split())]
        rows.check(f'every source is compiled with {flag}', sorted(set(without)) or ([] if commands else ['nothing is compiled']))
    for flag in ['-ffast-math', '-Ofast']:
        rows.check(f'no source is compiled with {flag}', sorted({entry['file'] for entry in commands if flag in entry['command'].split()}))


def check_program(program):
    name = pathlib.Path(program).name
    header, segments, dynamic = readelf(program, '-h'), readelf(program, '-l'), readelf(program, '-d')
    imports = readelf(program, '--dyn-syms')

    def holds(claim, condition, shown):
        rows.check(f'{name}: {claim}', [] if condition else shown.splitlines())

    stack = [line.split() for line in segments.splitlines() if 'GNU_STACK' in line]
    holds('is loaded anywhere (PIE)', 'DYN (' in header and 'PIE' in dynamic, header)
    holds('has relocations read-only after start (RELRO)', 'GNU_RELRO' in segments, segments)
    holds('binds every symbol at start (NOW)', 'NOW' in dynamic, dynamic)
    holds('has no executable stack', len(stack) == 1 and 'RWE' not in stack[0] and 'E' not in stack[0], segments)
    holds('guards the stack (stack protector)', '__stack_chk_fail' in imports, imports)
    holds('checks copies (FORTIFY)', '_chk' in imports.replace('__stack_chk_fail', ''), imports)
    if 'libopenblas' in dynamic:
        path = [line for line in dynamic.splitlines() if 'RUNPATH' in line or 'RPATH' in line]
        loaded = subprocess.run(['ldd', program], text=True, capture_output=True, check=True).stdout
        holds('loads the OpenMP flavour of OpenBLAS', any('openblas-openmp' in line for line in loaded.splitlines() if 'libopenblas' in line),
              '\n'.join(path) + '\n' + loaded)


def main(build, *programs):
    check_flags(build)
    for program in programs:
        check_program(program)
    rows.finish()


main(*sys.argv[1:])
