"""rows.py - the rows of a test script: one line each, and at the end the line `N passed, N failed, N skipped` that tools/test-summary sums."""
import sys

passed, failed, skipped = 0, 0, 0


def check(claim, problems):
    """One row: it holds where problems, a list of lines, is empty."""
    global passed, failed
    if problems:
        failed += 1
        print(f'FAILED {claim}')
        for problem in problems:
            print(f'       {problem}')
    else:
        passed += 1
        print(f'ok     {claim}')


def skip(claim, reason):
    """One row that cannot be told here."""
    global skipped
    skipped += 1
    print(f'skipped {claim}: {reason}')


def finish():
    print(f'{passed} passed, {failed} failed, {skipped} skipped')
    sys.exit(1 if failed or not passed else 0)
