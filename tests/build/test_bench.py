#!/usr/bin/env python3
"""The arithmetic of bench/run, what it says, the lengths of its tweets, and bench/setup's answers, without measuring anything.

  test_bench.py BENCH
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import rows


def round_of(figures, works, value):
    """A round in which every field of every measure is value(shape, key, field)."""
    fields = ('tokens_per_s', 'limit', 'step_ms', 'peak_mb', 'pictures_per_s', 'seconds')
    return {(shape, key): {field: value(shape, key, field) for field in fields} for work in works for shape, key in work.measures()}


def arithmetic(figures):
    def row(name, *rounds):
        work, = [work for work in figures.WORKS if f'{work.name}/{work.shape}' == name]
        return figures.figures_of(work, [round_of(figures, [work], value) for value in rounds])

    def expect(claim, found, expected):
        rows.check(claim, [] if found == expected else [f'{found!r} instead of {expected!r}'])

    def table_of(**by_key):
        return lambda shape, key, field: by_key[key.replace(' ', '_').replace(',', '')]

    works = figures.WORKS
    expect('there are twenty works: nine in each of two shapes, features, start',
           ([sum(work.shape == shape for work in works) for shape in ('MiniLM', 'BERT-base', 'ViT-B/32')], len({work[:2] for work in works})), ([10, 9, 1], 20))
    expect('what is required and aimed at is what the project set itself', [(work.required, work.aim) for work in works],
           [(2.1, 2.6), (1.5, 1.8), (.62, .75), (1.05, 1.25), (1.15, 1.5), (2, 2.5), (1.5, 2), (1.75, 1.9), (1.2, 1.5),
            (1.6, 1.9), (1.2, 1.4), (.75, .85), (1.05, 1.2), (1.15, 1.5), (1.35, 1.5), (1.3, 1.7), (1.75, 1.9), (1.1, 1.3), (1.2, 1.4), (1, 2.5)])

    fast = row('train-fused/MiniLM', *[table_of(nerve_train=n, PyTorch_train_AdamW_fused=p) for n, p in ((300, 100), (100, 100), (400, 200))])
    expect('a row has the fields that others read', list(fast), ['work', 'shape', 'nerve', 'peer', 'peer_name', 'ratio', 'ratio_min', 'ratio_max', 'required', 'aim'])
    expect('of a rate the ratio is nerve over peer, taken in each round: median, least, most',
           fast, dict(work='train-fused', shape='MiniLM', nerve=300, peer=100, peer_name='PyTorch, AdamW fused', ratio=2, ratio_min=1, ratio_max=3,
                      required=1.5, aim=1.8))
    slow = row('predict-one/BERT-base', table_of(nerve_predict_one=50, ONNX_Runtime_predict_one=40))
    expect('of a time it is peer over nerve', (slow['ratio'], figures.mark(slow)), (.8, 'below'))
    large = row('memory-predict/MiniLM', table_of(nerve_predict=100, ONNX_Runtime_predict=160))
    expect('of memory too', (large['ratio'], figures.mark(large)), (1.6, 'required'))
    best = row('predict-batch/MiniLM', *[table_of(nerve_predict=n, PyTorch_predict=p, ONNX_Runtime_predict=o) for n, p, o in ((100, 50, 80), (90, 60, 45), (100, 20, 40))])
    expect('the better of two peers counts in each round, and the one that was better more often is named',
           (best['peer'], best['peer_name'], best['ratio'], best['ratio_min'], best['ratio_max']), (60, 'ONNX Runtime', 1.5, 1.25, 2.5))
    start = row('start/MiniLM', table_of(nerve_start=.1))
    expect('the start is held to a quarter of a second', (start['peer'], start['ratio'], start['required'], start['aim'], figures.mark(start)), (.25, 2.5, 1, 2.5, 'aim'))
    share = row('train-share/MiniLM', lambda shape, key, field: {'tokens_per_s': 70, 'limit': 100}.get(field))
    expect('the share of sgemm is held to the limit of the same measure', (share['nerve'], share['peer'], share['ratio']), (70, 100, .7))
    threads = row('threads/BERT-base', table_of(nerve_train=190, nerve_train_1_thread=100))
    expect('two threads are held to one', (threads['peer'], threads['ratio']), (100, 1.9))
    expect('a table has a line for each row and says what was reached',
           [line.split()[-1] for line in figures.table([fast, slow, large])], ['reached', 'aim', 'below', 'required'])

    def names(*chosen):
        return [f'{work.name}/{work.shape}' for work in figures.chosen(chosen)]

    expect('a work is chosen by name, with or without shape', names('threads', 'train-512/MiniLM'), ['threads/MiniLM', 'train-512/MiniLM', 'threads/BERT-base'])
    try:
        found = names('thread')
    except ValueError as e:
        found = str(e)
    expect('a name of none is refused, and all are told', 'no work is called thread: there are train-adamw, ' in str(found), True)

    first, second = figures.schedule(works, 0), figures.schedule(works, 1)
    needed = {measure for work in works for measure in work.measures()}
    extra = {(shape, key) for shape in (figures.MINILM, figures.BERT) for key in (figures.PT_LONGEST, figures.LONG_PLAIN, figures.PT_LONG_PLAIN)}
    expect('a round takes each measure once, the first one those beside the table too', (sorted(first), sorted(second)), (sorted(needed | extra), sorted(needed)))
    expect('the next round goes backwards', second, [measure for measure in first if measure not in extra][::-1])

    lines = figures.beside({('MiniLM', key): {'tokens_per_s': speed, 'peak_mb': 7} for key, speed in
                            ((figures.PT_LONGEST, 1157), (figures.LONG_PLAIN, 4000), (figures.PT_LONG_PLAIN, 900), (figures.TRAIN, 1))})
    expect('what stands beside the table is told with its figures', [[part in line for part in parts] for line, parts in zip(lines, (['MiniLM', '1157'], ['4000', '900']))],
           [[True, True], [True, True]])

    calm = figures.quiet([100, 110, 105], [.01, .02, .01], [0, 0, 0])
    expect('a quiet machine is called nothing', (calm['busy'], calm['sgemm_gflops'], calm['sgemm_gflops_min'], calm['sgemm_gflops_max']), ('', 105, 100, 110))
    for claim, arguments, part in [('other programs', ([100, 100], [.01, .3], [0, 0]), 'other programs took 16% of the processors, up to 30%'),
                                   ('other machines', ([100, 100], [0, 0], [.2, .2]), 'other machines took 20%'),
                                   ('a swing of sgemm', ([100, 130], [0, 0], [0, 0]), 'sgemm gave 100 to 130 GFLOP/s')]:
        expect(f'{claim}: the machine was busy', part in figures.quiet(*arguments)['busy'], True)


def said(measure, figures):
    def expect(claim, found, expected):
        rows.check(claim, [] if found == expected else [f'{found!r} instead of {expected!r}'])

    machine = dict(processor='P', threads=2, kernels='avx2', blas='OpenBLAS', core_type='Zen', sgemm_gflops=100, sgemm_gflops_min=90, sgemm_gflops_max=110, rounds=2, seconds=120,
                   date='2026-01-01', busy='')
    calm, busy = measure.report(machine, [], ['beside']), measure.report(machine | {'busy': 'others took 9%'}, [], [])
    expect('a report names processor, kernels and what OpenBLAS chose', [any(part in line for line in calm) for part in ('P, 2 threads, avx2', 'core type Zen', 'beside')], [True] * 3)
    expect('a busy machine is told in the last line, a quiet one not', ('BUSY' in busy[-1], any('BUSY' in line for line in calm)), (True, False))
    fits, left_out = measure.fitting(figures.WORKS, 14000)
    expect('a work that memory does not hold is left out and told', ([work[:2] for work in figures.WORKS if work not in fits], len(left_out), 'train-512/BERT-base' in left_out[0]),
           ([('train-512', 'BERT-base')], 1, True))

    class Bench:
        """Ends with `end` at its measure number `at`."""

        def __init__(self, at, end):
            self.left, self.end = at, end

        def take(self, shape, key):
            self.left -= 1
            if self.left < 0:
                raise self.end
            return {'seconds': .1}

    start = figures.chosen(['start'])
    measure.say = lambda text: None
    for claim, at, end, rounds, why in (('a failure', 2, measure.Failed('no answer'), 2, 'no answer'), ('Ctrl-C', 1, KeyboardInterrupt(), 1, 'interrupted'),
                                        ('nothing', 9, None, 3, '')):
        found = measure.run_rounds(Bench(at, end), start, 3)
        expect(f'{claim} in between: the rounds before it stand, and why is told', (len(found[0]), found[2]), (rounds, why))
    for command, part in (('kill -9 $$', 'memory ran out'), ('echo of no use >&2; exit 3', 'ended with 3:\nof no use')):
        try:
            text = measure.call(['bash', '-c', command])[0]
        except measure.Failed as e:
            text = str(e)
        expect(f'`{command}` is told', part in text, True)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for name in (f'run-{os.getpid()}-mine', 'run-999999999-dead', 'other'):
            (folder / name).mkdir()
        measure.sweep(folder)
        expect('folders of runs that are gone are swept', sorted(path.name for path in folder.iterdir()), ['other', f'run-{os.getpid()}-mine'])


def lengths(bench):
    import tweets
    known = [int(line) for line in (bench / 'twitter2017.lengths').read_text().split()]
    for batch, batches in ((16, 16), (16, 8), (32, 16), (32, 8), (16, 211)):
        chosen = tweets.lengths_of(known, batch, batches)
        pieces, places = sum(map(sum, chosen)), sum(len(part) * max(part) for part in chosen)
        wrong = []
        if [len(part) for part in chosen] != [batch] * batches:
            wrong.append('other sizes')
        if not places <= 1.025 * pieces:
            wrong.append(f'{places} places for {pieces} pieces')
        if batches < 211 and not abs(pieces / (batch * batches) - sum(known) / len(known)) < .6:
            wrong.append('other lengths')
        rows.check(f'{batches} batches of {batch} are padded as the whole list in batches is, and as long', wrong)
    rows.check('a list of one length gives it to all', [] if tweets.lengths_of([24], 2, 3) == [[24, 24]] * 3 else ['others'])


VERSIONS = {'torch': '2.13.0+cpu', 'onnxruntime': '1.32.0', 'transformers': '5.1.0', 'onnx': '1.0', 'numpy': '2.0', 'pillow': '12.0'}


def setup_with(bench, installed, pip_status=0, made=True):
    """bench/setup on an environment whose python has the packages `installed`, made by it before or not, and where pip, when called, installs all or fails."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / 'peers/bin').mkdir(parents=True)
        (folder / 'commands').mkdir()
        if made:
            (folder / 'peers/made-by-bench-setup').touch()
        for name, version in installed.items():
            (folder / name).write_text(version)
        python = folder / 'peers/bin/python'
        python.write_text(f'''#!{shutil.which("bash")}
here={folder}
if [ "$*" = - ]; then
  {{ echo 'import importlib.metadata, pathlib'; echo "importlib.metadata.version = lambda name: pathlib.Path('$here', name).read_text()"; cat; }} | {sys.executable} -
else
  echo "$*" >>$here/calls
  [ {pip_status} = 0 ] || {{ echo 'pip: no network'; exit {pip_status}; }}
  {'; '.join(f'printf {version} >$here/{name}' for name, version in VERSIONS.items())}
fi
''')
        python.chmod(0o755)
        python3 = folder / 'commands/python3'
        python3.write_text(f'#!{shutil.which("bash")}\ncase "$*" in *urlopen*) exit 1 ;; esac\n')
        python3.chmod(0o755)
        done = subprocess.run([bench / 'setup', folder / 'peers'], text=True, capture_output=True, check=False,
                              env={'PATH': f'{folder / "commands"}:/usr/bin:/bin'})
        calls = folder / 'calls'
        return done.returncode, done.stdout + done.stderr, calls.read_text() if calls.exists() else ''


def refused(bench):
    """Arguments and machines that end before anything is installed, built or measured."""
    for claim, command, status, part in (('an unknown work', ['--works', 'thread'], 64, 'no work is called thread'), ('no round', ['--rounds', '0'], 64, 'at least 1'),
                                         ('one processor', ['--works', 'start'], 70, '2 threads are measured')):
        one = ['taskset', '-c', str(min(os.sched_getaffinity(0)))] if status == 70 else []
        done = subprocess.run([*one, bench / 'run', *command], text=True, capture_output=True, check=False, timeout=60)
        rows.check(f'{claim}: exit {status} and why', [] if done.returncode == status and part in done.stderr and not done.stdout else [str(done.returncode), done.stderr])


def setup(bench):
    def expect(claim, condition, outcome):
        rows.check(claim, [] if condition(*outcome) else [str(part) for part in outcome])

    expect('an environment that has the peers is left alone', lambda status, text, calls: (status, calls) == (0, '') and 'already' in text,
           setup_with(bench, VERSIONS, made=False))
    expect('a folder that it did not make is left alone', lambda status, text, calls: (status, calls) == (1, '') and 'NERVE_PEERS' in text,
           setup_with(bench, VERSIONS | {'torch': '2.12.0'}, made=False))
    expect('another version in its own is replaced', lambda status, text, calls: status == 0 and 'pip install' in calls and 'torch==2.13.0' in calls and 'done' in text,
           setup_with(bench, VERSIONS | {'torch': '2.12.0'}))
    expect('without a network it says what is needed', lambda status, text, calls: status == 1 and 'pip: no network' in text and 'NERVE_PEERS' in text,
           setup_with(bench, {}, pip_status=1))


def main(bench):
    bench = pathlib.Path(bench)
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(bench))
    sys.path.insert(0, str(bench / 'peers'))
    import figures
    import measure
    arithmetic(figures)
    said(measure, figures)
    lengths(bench)
    refused(bench)
    setup(bench)
    rows.finish()


main(*sys.argv[1:])
