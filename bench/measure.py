"""measure.py - `bench/run`: nerve beside PyTorch and ONNX Runtime, in rounds, so that what is compared was measured in the same minute.

Without --json the table goes to stdout; with it one JSON object does, {machine, works [{work, shape, nerve, peer, peer_name, ratio, ratio_min, ratio_max,
required, aim}]}, and the table to stderr, as progress does. bench/README.md says how to read the figures.
"""
import argparse
import datetime
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import figures
from figures import BERT, MINILM, VIT

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / 'build-bench'  # of its own: what others build stays as it is
PEERS = pathlib.Path(os.environ.get('NERVE_PEERS') or ROOT / 'build' / 'bench' / 'peers')
LENGTHS = ROOT / 'bench' / 'twitter2017.lengths'
LIMIT_S = 45 * 60  # no round begins that would not end by then
THREADS = 2
PICTURES = 100
STARTS = 20
NERVE_SHAPE = {MINILM: 'minilm', BERT: 'bert-base'}
BATCHES = {MINILM: 16, BERT: 8}  # of a round of training or prediction: some seconds
MOST_MB = {(BERT, figures.PT_LONG): 15500, (MINILM, figures.PT_LONG): 6500}  # what the largest measures take
VERSIONS = ['torch', 'onnxruntime', 'transformers', 'numpy', 'pillow']
# How threads wait may be said, for all programs alike: on a busy machine OMP_WAIT_POLICY=passive keeps them from taking each other's processor. What else
# is said to OpenMP, MKL and OpenBLAS is taken away, OpenBLAS's core type among it: each library runs as it chooses for this processor.
WAITING = 'OMP_WAIT_POLICY'
ENVIRONMENT = {name: value for name, value in os.environ.items()
               if name == WAITING or not name.startswith(('OMP_', 'GOMP_', 'KMP_', 'MKL_', 'OPENBLAS_'))} | {'PYTHONDONTWRITEBYTECODE': '1'}


def say(text):
    print(text, file=sys.stderr, flush=True)


class Failed(Exception):
    """A measure, or what it needs, went wrong: the message is for the user."""


def call(command, **more):
    """Runs a program to its end; its stdout and stderr."""
    command = [str(part) for part in command]
    done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, text=True, capture_output=True, check=False, **more)
    if done.returncode == -signal.SIGKILL:
        raise Failed(f'`{" ".join(command)}` was killed: by the system where memory ran out')
    if done.returncode != 0:
        raise Failed(f'`{" ".join(command)}` ended with {done.returncode}:\n{(done.stderr or done.stdout)[-2000:]}')
    return done.stdout, done.stderr


def prepare(works):
    """Builds nerve, and installs the peers where a work needs them."""
    for command in (['tools/deps'], ['tools/configure', BUILD.name], ['ninja', '--quiet', '-C', BUILD.name, 'nerve', 'bench/sgemm', 'tests/support/write_clip'],
                    *([['bench/setup']] if needs_peers(works) else [])):
        if subprocess.run(command, cwd=ROOT, stdout=sys.stderr, check=False).returncode != 0:
            raise Failed(f'`{" ".join(command)}` failed, see above')


def available_mb():
    """Of the machine, or of the control group that holds us to less."""
    free = int(re.search(r'MemAvailable: *(\d+) kB', pathlib.Path('/proc/meminfo').read_text())[1]) / 1024
    group = pathlib.Path('/sys/fs/cgroup') / pathlib.Path('/proc/self/cgroup').read_text().rsplit('::', 1)[-1].strip().lstrip('/')
    try:
        return min(free, (int((group / 'memory.max').read_text()) - int((group / 'memory.current').read_text())) / 2**20)
    except (OSError, ValueError):
        return free


def fitting(works, available):
    """The works for which there is memory, and a line for each of the others."""
    fits, left_out = [], []
    for work in works:
        needed = max(MOST_MB.get(measure, 0) for measure in work.measures())
        if needed <= available:
            fits.append(work)
        else:
            left_out.append(f'{work.name}/{work.shape} is left out: it takes {needed / 1000:.1f} GB in PyTorch, and {available / 1000:.1f} are free')
    return fits, left_out


def needs_peers(works):
    return any('nerve' not in key for work in works for _, key in work.measures())


class Watch:
    """The processors' time that passes while something runs: what of it other programs took, what other machines."""

    def __init__(self):
        self.before = self.now()

    @staticmethod
    def now():
        ticks = [int(x) for x in pathlib.Path('/proc/stat').read_text().split('\n', 1)[0].split()[1:9]]
        used = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        user, nice, system, idle, iowait, irq, softirq, steal = ticks
        return sum(ticks), user + nice + system + irq + softirq, steal, used * os.sysconf('SC_CLK_TCK')

    def shares(self):
        total, busy, steal, own = (after - before for after, before in zip(self.now(), self.before, strict=True))
        return max(0, busy - own) / max(1, total), steal / max(1, total)


class Bench:
    """The material of all measures, in a folder of its own, and how each is taken."""

    def __init__(self, folder, works):
        self.folder = pathlib.Path(folder)
        self.sgemm, self.others, self.steal = [], [], []
        self.python = PEERS / 'bin' / 'python'
        measures = {measure for work in works for measure in work.measures()}
        for length in (24, 512):
            (self.folder / f'{length}.lengths').write_text(f'{length}\n')
        for shape, key in measures:
            if key == figures.ORT_PREDICT or (key == figures.ORT_ONE and (shape, figures.ORT_PREDICT) not in measures):
                say(f'exporting {shape} for ONNX Runtime')
                call([self.python, 'bench/peers/onnx_export.py', NERVE_SHAPE[shape], self.onnx(shape)])
        if (VIT, figures.FEATURES) in measures:
            self.make_pictures()
        if (MINILM, figures.START) in measures:
            self.make_run()

    def onnx(self, shape):
        return self.folder / f'{NERVE_SHAPE[shape]}.onnx'

    def make_pictures(self):
        say(f'making {PICTURES} pictures and a CLIP')
        call([BUILD / 'tests/support/write_clip', self.folder / 'clip'])
        call([self.python, 'bench/peers/pytorch_features.py', '--images', self.folder / 'images', '--make', PICTURES])
        for split in ('train', 'valid', 'test'):
            (self.folder / f'{split}.txt').write_text(''.join(f'IMGID:{k:04d}\nhere\tO\n\n' for k in range(PICTURES)))

    def make_run(self):
        """A run of one step in MiniLM's shape, with a vocabulary of its size."""
        say('making a model to start with')
        data = self.folder / 'start'
        data.mkdir()
        letters = 'abcdefghijklmnopqrstuvwxyz'
        pieces = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', *letters, *('##' + letter for letter in letters)]
        pieces += [f'piece{k}' for k in range(30522 - len(pieces))]
        (data / 'vocab.txt').write_text('\n'.join(pieces) + '\n')
        for split in ('train', 'valid', 'test'):
            (data / f'{split}.txt').write_text('justin\tB-PER\nbieber\tI-PER\nin\tO\nparis\tB-LOC\n\n')
        call([BUILD / 'nerve', 'train', 'configs/synth-text.yaml', f'data.dir={data}', 'model.layers=6', 'model.width=384', 'model.heads=12', 'model.inner=1536',
              'train.max_steps=1', '--out', data / 'run'])

    def nerve(self, shape, work, batches, batch, *keys, lengths=LENGTHS, threads=THREADS):
        out, _ = call([BUILD / 'nerve', 'bench', work, '--json', '--shape', NERVE_SHAPE[shape], '--lengths', lengths, '--batch', batch, '--batches', batches,
                       '--threads', threads, 'model.crf=false', *keys])
        measured = json.loads(out)
        return measured | {'limit': measured['tokens_per_s'] / measured['share_of_sgemm']}

    def peer(self, script, shape, batches, batch, *more, lengths=LENGTHS):
        out, _ = call([self.python, f'bench/peers/{script}.py', '--shape', NERVE_SHAPE[shape], '--lengths', lengths, '--batch', batch, '--batches', batches,
                       '--threads', THREADS, *more])
        return json.loads(out.splitlines()[-1])

    def nerve_features(self):
        _, said = call([BUILD / 'nerve', 'features', 'configs/twitter2017-clip.yaml', f'data.dir={self.folder}', f'model.vision={self.folder / "clip"}',
                        f'train.threads={THREADS}', '--out', self.folder / 'features.h5', '--force'])
        found = re.search(r'^\d+ pictures in .* s: ([\d.]+)/s; peak memory (\d+) MB$', said, re.MULTILINE)
        if not found:
            raise Failed(f'`nerve features` did not say how fast it was: {said[-500:]}')
        return {'pictures_per_s': float(found[1]), 'peak_mb': float(found[2])}

    def pytorch_features(self):
        out, _ = call([self.python, 'bench/peers/pytorch_features.py', '--images', self.folder / 'images', '--clip', self.folder / 'clip',
                       '--threads', THREADS])
        return json.loads(out.splitlines()[-1])

    def start(self):
        """Seconds from the program's start to its answer; the first start brings the files into memory and does not count."""
        text, seconds = self.folder / 'text', []
        text.write_text('justin bieber in paris\n')
        for _ in range(STARTS + 1):
            with text.open() as source:
                begin = time.perf_counter()
                with subprocess.Popen([BUILD / 'nerve', 'predict', '--model', self.folder / 'start' / 'run', '--format', 'jsonl', '--threads', str(THREADS)],
                                      env=ENVIRONMENT, stdin=source, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as program:
                    try:
                        answer = program.stdout.readline()
                    except BaseException:
                        program.kill()
                        raise
                    seconds.append(time.perf_counter() - begin)
            if not answer or program.returncode != 0:
                raise Failed('`nerve predict` gave no answer')
        return {'seconds': statistics.median(seconds[1:])}

    def take(self, shape, key):
        n = BATCHES.get(shape)
        short, long = self.folder / '24.lengths', self.folder / '512.lengths'
        ways = {
            figures.TRAIN: lambda: self.nerve(shape, 'train', n, 16),
            figures.TRAIN_1: lambda: self.nerve(shape, 'train', n, 16, threads=1),
            figures.LONG: lambda: self.nerve(shape, 'train', 1, 16, lengths=long),
            figures.LONG_PLAIN: lambda: self.nerve(shape, 'train', 1, 16, 'model.dropout_attention=0', lengths=long),
            figures.PREDICT: lambda: self.nerve(shape, 'predict', n, 32),
            figures.ONE: lambda: self.nerve(shape, 'predict', 64, 1, lengths=short),
            figures.PT_DEFAULT: lambda: self.peer('pytorch_train', shape, n, 16, '--optimizer', 'default'),
            figures.PT_FUSED: lambda: self.peer('pytorch_train', shape, n, 16),
            figures.PT_LONGEST: lambda: self.peer('pytorch_train', shape, n, 16, '--optimizer', 'default', '--padding', 'longest'),
            figures.PT_LONG: lambda: self.peer('pytorch_train', shape, 1, 16, lengths=long),
            figures.PT_LONG_PLAIN: lambda: self.peer('pytorch_train', shape, 1, 16, '--attention-dropout', '0', lengths=long),
            figures.PT_PREDICT: lambda: self.peer('pytorch_predict', shape, n, 32),
            figures.ORT_PREDICT: lambda: self.peer('onnxruntime_predict', shape, n, 32, '--model', self.onnx(shape)),
            figures.ORT_ONE: lambda: self.peer('onnxruntime_predict', shape, 64, 1, '--model', self.onnx(shape), lengths=short),
            figures.FEATURES: self.nerve_features,
            figures.PT_FEATURES: self.pytorch_features,
            figures.START: self.start,
        }
        sgemm = json.loads(call([BUILD / 'bench/sgemm', THREADS])[0])['sgemm_gflops']
        watch = Watch()
        measured = ways[key]()
        others, steal = watch.shares()
        self.sgemm.append(sgemm)
        self.others.append(others)
        self.steal.append(steal)
        shown = ', '.join(f'{measured[field]:.4g} {unit}' for field, unit in UNITS.items() if field in measured)
        say(f'  {shape:9}  {key:26}  {shown}  (sgemm {sgemm:.0f} GFLOP/s; others {others:.0%}, steal {steal:.0%} of the processors)')
        return measured


UNITS = {'tokens_per_s': 'tokens/s', 'pictures_per_s': 'pictures/s', 'seconds': 's', 'step_ms': 'ms', 'peak_mb': 'MB'}


def run_rounds(bench, works, n):
    """Rounds that were measured to their end, the seconds they took, and why there are no more of them: '' where all there are."""
    rounds, took, begin, why = [], [], time.monotonic(), ''
    for number in range(n):
        start = time.monotonic()
        if took and start - begin + max(took[1:] or took) > LIMIT_S:  # the first one measures more than the others
            say(f'{len(rounds)} rounds of {n}: one more would not end within {LIMIT_S // 60} minutes')
            break
        say(f'round {number + 1} of {n}')
        try:
            rounds.append({measure: bench.take(*measure) for measure in figures.schedule(works, number)})
        except (Failed, KeyboardInterrupt) as e:
            why = str(e) or 'interrupted'
            break
        took.append(time.monotonic() - start)
    return rounds, time.monotonic() - begin, why


def machine_of(bench, works, rounds, seconds, load):
    machine = json.loads(call([BUILD / 'nerve', 'info', '--json'])[0])
    machine |= {'threads': THREADS, WAITING: ENVIRONMENT.get(WAITING, 'default')}
    if needs_peers(works):
        code = f'import importlib.metadata as m, platform\nprint("python", platform.python_version())\nfor p in {VERSIONS}: print(p, m.version(p))'
        machine['peers'] = ', '.join(call([bench.python, '-c', code])[0].splitlines())
    machine |= {'date': datetime.date.today().isoformat(), 'rounds': len(rounds), 'seconds': round(seconds), 'load_before': load}
    return machine | figures.quiet(bench.sgemm, bench.others, bench.steal)


def report(machine, rows, beside):
    lines = figures.table(rows) + beside
    lines += ['', f'{machine["processor"]}, {machine["threads"]} threads, {machine["kernels"]} kernels; {machine["blas"]}, core type {machine["core_type"]}',
              f'sgemm beside the measures: {machine["sgemm_gflops"]:g} GFLOP/s ({machine["sgemm_gflops_min"]:g} to {machine["sgemm_gflops_max"]:g}); '
              f'rounds {machine["rounds"]}, {machine["seconds"] / 60:.0f} minutes, {machine["date"]}']
    if 'peers' in machine:
        lines.append(machine['peers'])
    if machine['busy']:
        lines.append(f'THE MACHINE WAS BUSY: {machine["busy"]}. Ratios are less certain than their spread.')
    return lines


def sweep(folder):
    """Folders of runs that were killed."""
    for left in folder.glob('run-*'):
        pid = left.name.split('-')[1]
        if pid.isdigit() and not pathlib.Path('/proc', pid).exists():
            shutil.rmtree(left, ignore_errors=True)


def stopped(number, _):
    sys.exit(128 + number)


def measured(args, works):
    load = os.getloadavg()[0]
    works, left_out = fitting(works, available_mb())
    for line in left_out:
        say(f'bench/run: {line}')
    if not works:
        raise Failed('there is memory for none of these works')
    prepare(works)
    (BUILD / 'bench').mkdir(exist_ok=True)
    sweep(BUILD / 'bench')
    with tempfile.TemporaryDirectory(prefix=f'run-{os.getpid()}-', dir=BUILD / 'bench') as folder:
        bench = Bench(folder, works)
        rounds, seconds, why = run_rounds(bench, works, args.rounds)
        if not rounds:
            raise Failed(why)
        machine = machine_of(bench, works, rounds, seconds, load)
    rows = [figures.figures_of(work, rounds) for work in works]
    if why:
        left_out.append(f'rounds ended early: {why}')
    print('\n'.join(report(machine, rows, figures.beside(rounds[0]) + left_out)), file=sys.stderr if args.json else sys.stdout)
    if args.json:
        print(json.dumps({'machine': machine, 'works': rows}, indent=2))
    return why


class Parser(argparse.ArgumentParser):
    def error(self, message):
        self.print_usage(sys.stderr)
        self.exit(64, f'bench/run: {message}\n')


def main():
    parser = Parser(prog='bench/run', description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--json', action='store_true', help='print one JSON object')
    parser.add_argument('--rounds', type=int, default=5, help='default 5; fewer where they would take over 45 minutes')
    parser.add_argument('--works', nargs='+', default=[], metavar='WORK', help='NAME or NAME/SHAPE, as in train-fused/MiniLM; default: all')
    args = parser.parse_args()
    try:
        works = figures.chosen(args.works)
    except ValueError as e:
        parser.error(str(e))
    if args.rounds < 1:
        parser.error('--rounds must be at least 1')
    processors = len(os.sched_getaffinity(0))
    signal.signal(signal.SIGTERM, stopped)
    signal.signal(signal.SIGHUP, stopped)
    try:
        if processors < THREADS:
            raise Failed(f'{THREADS} threads are measured, and this process may use {processors} processor')
        why = measured(args, works)
    except Failed as e:
        why = str(e)
    except KeyboardInterrupt:
        why = 'interrupted'
    if why:
        say(f'bench/run: {why}')
        sys.exit(130 if why == 'interrupted' else 70)


if __name__ == '__main__':
    main()
