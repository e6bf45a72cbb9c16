#!/usr/bin/env python3
"""tools/deps asks apt for what is missing only, and says what to do where it cannot. Runs it with commands of Debian that are stood in for.

  test_deps.py DEPS
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

import rows

# Each notes how it was called; sudo runs the rest of its line.
STAND_INS = {
    'apt-get': 'echo "apt-get $*" >>calls; exit ${APT_STATUS:-0}',
    'dpkg-query': 'for last; do :; done; case " $MISSING " in *" $last "*) exit 1 ;; esac; printf installed',
    'id': 'echo "${USER_ID:-0}"',
    'sudo': 'echo "sudo $1" >>calls; exec "$@"',
}


def run(deps, *named, without=(), **environment):
    """Exit status, output and calls of tools/deps."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ('bash', 'mktemp', 'rm', 'tail', 'env'):
            (pathlib.Path(folder) / name).symlink_to(shutil.which(name))
        for name, text in STAND_INS.items():
            if name not in without:
                command = pathlib.Path(folder) / name
                command.write_text(f'#!{shutil.which("bash")}\n{text}\n')
                command.chmod(0o755)
        done = subprocess.run([shutil.which('bash'), deps, *named], text=True, capture_output=True, check=False, cwd=folder,
                              env={'PATH': folder, 'MISSING': '', **environment})
        calls = pathlib.Path(folder) / 'calls'
        return done.returncode, done.stdout + done.stderr, calls.read_text().splitlines() if calls.exists() else []


def main(deps):
    def expect(claim, condition, outcome):
        rows.check(claim, [] if condition(*outcome) else [str(part) for part in outcome])

    expect('with all packages there apt is not asked', lambda status, text, calls: (status, calls) == (0, []) and 'already there' in text, run(deps))
    expect('apt is asked for the missing package alone',
           lambda status, text, calls: status == 0 and len(calls) == 2 and calls[0].startswith('apt-get update') and
           calls[1].startswith('apt-get install') and calls[1].endswith(' libjansson-dev') and 'meson' not in calls[1],
           run(deps, MISSING='libjansson-dev'))
    expect('a package that is named is installed too', lambda status, text, calls: status == 0 and calls[1].endswith(' python3-venv'),
           run(deps, 'python3-venv', MISSING='python3-venv'))
    expect('who is not root asks through sudo', lambda status, text, calls: status == 0 and [call for call in calls if call.startswith('sudo')] ==
           ['sudo apt-get', 'sudo env'], run(deps, MISSING='meson', USER_ID='1000'))
    expect('who is not root and has no sudo is told the command', lambda status, text, calls: (status, calls) == (1, []) and
           'As root: apt-get install meson' in text, run(deps, without=['sudo'], MISSING='meson', USER_ID='1000'))
    expect('a failure of apt is a failure', lambda status, text, calls: status == 1 and 'apt-get failed' in text, run(deps, MISSING='meson', APT_STATUS='100'))
    expect('on another system the packages are named', lambda status, text, calls: (status, calls) == (1, []) and 'no Debian system' in text and
           'libopenblas-openmp-dev' in text, run(deps, without=['apt-get']))
    rows.finish()


main(*sys.argv[1:])
