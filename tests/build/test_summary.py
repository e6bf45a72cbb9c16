#!/usr/bin/env python3
"""tools/test-summary loses no test: each way in which a program can end is counted, and a failure anywhere is a failure of the whole.

  test_summary.py SUMMARY
"""
import json
import subprocess
import sys
import tempfile

import rows


def xml(tests, failures=0, errors=0, skipped=0):
    return (f'<testsuites>\n  <testsuite name="tests" time="0.001" tests="{tests}" failures="{failures}" errors="{errors}" skipped="{skipped}" >\n'
            '  </testsuite>\n</testsuites>\n')


def program(result, stdout, returncode=0):
    return {'name': 'program', 'result': result, 'stdout': stdout, 'returncode': returncode}


SOUND = program('OK', xml(4, skipped=1))
CASES = [
    ('XML of cmocka is counted', [SOUND], '3 passed, 0 failed, 1 skipped', 0),
    ('several groups of one program are summed', [program('OK', xml(4) + xml(2))], '6 passed, 0 failed, 0 skipped', 0),
    ('a line of a script is counted', [program('OK', 'ok a\n5 passed, 0 failed, 2 skipped\n')], '5 passed, 0 failed, 2 skipped', 0),
    ('programs are summed', [SOUND, program('OK', '5 passed, 0 failed, 0 skipped\n')], '8 passed, 0 failed, 1 skipped', 0),
    ('failures and errors are failed tests', [SOUND, program('FAIL', xml(5, failures=1, errors=2), 3)], '5 passed, 3 failed, 1 skipped', 1),
    ('failed rows of a script are failed tests', [program('FAIL', '5 passed, 2 failed, 0 skipped\n', 1)], '5 passed, 2 failed, 0 skipped', 1),
    ('a crash without XML is a failed test', [SOUND, program('FAIL', '', -11)], '3 passed, 1 failed, 1 skipped', 1),
    ('a crash after a sound group is a failed test', [program('FAIL', xml(4), -11)], '4 passed, 1 failed, 0 skipped', 1),
    ('a time-out is a failed test', [SOUND, program('TIMEOUT', '', -15)], '3 passed, 1 failed, 1 skipped', 1),
    ('a status of 0 does not hide a failed test', [program('OK', xml(4, failures=1))], '3 passed, 1 failed, 0 skipped', 1),
    ('a program that tells no test is a failed test', [SOUND, program('OK', 'all is well\n')], '3 passed, 1 failed, 1 skipped', 1),
    ('a program of no tests is a failed test', [SOUND, program('OK', xml(0))], '3 passed, 1 failed, 1 skipped', 1),
    ('a program that meson skips is a skipped test', [SOUND, program('SKIP', '', 77)], '3 passed, 0 failed, 2 skipped', 0),
    ('a run without a program is a failure', [], '0 passed, 1 failed, 0 skipped', 1),
]


def summarize(summary, text):
    with tempfile.NamedTemporaryFile('w', suffix='.json') as log:
        log.write(text)
        log.flush()
        return subprocess.run([summary, log.name], text=True, capture_output=True, check=False)


def main(summary):
    for claim, runs, line, status in CASES:
        done = summarize(summary, ''.join(json.dumps(run) + '\n' for run in runs))
        sound = done.returncode == status and done.stdout.splitlines()[-1:] == [line]
        rows.check(claim, [] if sound else [f'status {done.returncode}', *done.stdout.splitlines(), *done.stderr.splitlines()])
    missing = subprocess.run([summary, '/nowhere/testlog.json'], text=True, capture_output=True, check=False)
    rows.check('a run that left no log is a failure', [] if missing.returncode != 0 and 'No such file' in missing.stderr else [missing.stderr])
    rows.finish()


main(*sys.argv[1:])
