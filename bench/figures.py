"""figures.py - the works of a benchmark and the arithmetic of its figures: what is measured for which work, ratios, medians, what is said of the machine.

A measure is one run of one program, a pair (shape, key); a round is {measure: {field: number}}. measure.py runs them.
"""
import statistics
import typing

MINILM, BERT, VIT = 'MiniLM', 'BERT-base', 'ViT-B/32'
START_S = .25  # the limit of the program's start
BUSY = .05  # share of the processors' time that others took, above which a machine was busy
SWING = 1.25  # largest over smallest calibration, above which it was not steady

FIELDS = ['work', 'shape', 'nerve', 'peer', 'peer_name', 'ratio', 'ratio_min', 'ratio_max', 'required', 'aim']


class Side(typing.NamedTuple):
    """Where a figure comes from: the field of a measure, or a number that stands."""
    name: str
    key: str = ''
    field: str = ''
    fixed: float = 0

    def figure(self, measured, shape):
        return self.fixed or measured[shape, self.key][self.field]


class Work(typing.NamedTuple):
    name: str
    shape: str
    unit: str
    less_is_better: bool
    nerve: Side
    peers: list  # the best of them counts
    required: float
    aim: float

    def measures(self):
        return [(self.shape, side.key) for side in [self.nerve, *self.peers] if side.key]


TRAIN, TRAIN_1, PREDICT, ONE, LONG = 'nerve train', 'nerve train, 1 thread', 'nerve predict', 'nerve predict one', 'nerve train 512'
PT_DEFAULT, PT_FUSED, PT_LONGEST, PT_LONG = 'PyTorch train, AdamW', 'PyTorch train, AdamW fused', 'PyTorch train, longest', 'PyTorch train 512'
PT_PREDICT, ORT_PREDICT, ORT_ONE = 'PyTorch predict', 'ONNX Runtime predict', 'ONNX Runtime predict one'
LONG_PLAIN, PT_LONG_PLAIN = 'nerve train 512, attention without dropout', 'PyTorch train 512, attention without dropout'
FEATURES, PT_FEATURES, START = 'nerve features', 'PyTorch features', 'nerve start'

# The order in which a round goes through the measures of a shape, so that those that are compared stand together; every second round goes backwards.
ORDER = [PT_LONGEST, PT_DEFAULT, TRAIN, PT_FUSED, TRAIN_1, LONG, PT_LONG, LONG_PLAIN, PT_LONG_PLAIN, PT_PREDICT, PREDICT, ORT_PREDICT, ORT_ONE, ONE, FEATURES, PT_FEATURES, START]

# What is measured once beside a measure: PyTorch on batches of any length, and 512 pieces where PyTorch's fused attention serves.
BESIDE = {PT_DEFAULT: [PT_LONGEST], PT_LONG: [LONG_PLAIN, PT_LONG_PLAIN]}


def rate(name, shape, key, peers, required, aim):
    sides = [Side(peer, peer_key, 'tokens_per_s') for peer, peer_key in peers]
    return Work(name, shape, 'tokens/s', False, Side('nerve', key, 'tokens_per_s'), sides, required, aim)


def memory(name, shape, key, peer, peer_key, required, aim):
    return Work(name, shape, 'MB', True, Side('nerve', key, 'peak_mb'), [Side(peer, peer_key, 'peak_mb')], required, aim)


def works_of(shape, figures):
    """The nine rows of a shape; figures: required and aim of each."""
    adamw, fused, share, predict, one, train_memory, predict_memory, threads, long = figures
    return [
        rate('train-adamw', shape, TRAIN, [('PyTorch, AdamW', PT_DEFAULT)], *adamw),
        rate('train-fused', shape, TRAIN, [('PyTorch, AdamW fused', PT_FUSED)], *fused),
        Work('train-share', shape, 'tokens/s', False, Side('nerve', TRAIN, 'tokens_per_s'), [Side('sgemm limit', TRAIN, 'limit')], *share),
        rate('predict-batch', shape, PREDICT, [('PyTorch', PT_PREDICT), ('ONNX Runtime', ORT_PREDICT)], *predict),
        Work('predict-one', shape, 'ms', True, Side('nerve', ONE, 'step_ms'), [Side('ONNX Runtime', ORT_ONE, 'step_ms')], *one),
        memory('memory-train', shape, TRAIN, 'PyTorch, AdamW fused', PT_FUSED, *train_memory),
        memory('memory-predict', shape, PREDICT, 'ONNX Runtime', ORT_PREDICT, *predict_memory),
        rate('threads', shape, TRAIN, [('nerve, 1 thread', TRAIN_1)], *threads),
        rate('train-512', shape, LONG, [('PyTorch, AdamW fused', PT_LONG)], *long),
    ]


WORKS = [
    *works_of(MINILM, [(2.1, 2.6), (1.5, 1.8), (.62, .75), (1.05, 1.25), (1.15, 1.5), (2, 2.5), (1.5, 2), (1.75, 1.9), (1.2, 1.5)]),
    *works_of(BERT, [(1.6, 1.9), (1.2, 1.4), (.75, .85), (1.05, 1.2), (1.15, 1.5), (1.35, 1.5), (1.3, 1.7), (1.75, 1.9), (1.1, 1.3)]),
    Work('features', VIT, 'pictures/s', False, Side('nerve', FEATURES, 'pictures_per_s'), [Side('PyTorch and Pillow', PT_FEATURES, 'pictures_per_s')], 1.2, 1.4),
    Work('start', MINILM, 's', True, Side('nerve', START, 'seconds'), [Side('limit', fixed=START_S)], 1, 2.5),
]


def chosen(names):
    """The works that NAME or NAME/SHAPE name; all without names. Raises ValueError for a name of none."""
    for name in names:
        if not any(name in (work.name, f'{work.name}/{work.shape}') for work in WORKS):
            every = ', '.join(dict.fromkeys(work.name for work in WORKS))
            raise ValueError(f'no work is called {name}: there are {every}, each also as NAME/SHAPE, as in {WORKS[0].name}/{WORKS[0].shape}')
    return [work for work in WORKS if not names or work.name in names or f'{work.name}/{work.shape}' in names]


def schedule(works, number):
    """The measures of round `number` (from 0), each once; in the first one also those that are told beside the table."""
    needed = {measure for work in works for measure in work.measures()}
    if number == 0:
        needed |= {(shape, beside) for shape, key in needed for beside in BESIDE.get(key, [])}
    todo = [(shape, key) for shape in (MINILM, BERT, VIT) for key in ORDER if (shape, key) in needed]
    return todo[::-1] if number % 2 else todo


def figures_of(work, rounds):
    """One row of the result: medians over the rounds; the ratio of each round is taken in that round, against its best peer."""
    nerve, peer, ratios, best = [], [], [], []
    for measured in rounds:
        mine = work.nerve.figure(measured, work.shape)
        theirs = [(side.figure(measured, work.shape), side.name) for side in work.peers]
        figure, name = min(theirs) if work.less_is_better else max(theirs)
        nerve.append(mine)
        peer.append(figure)
        best.append(name)
        ratios.append(figure / mine if work.less_is_better else mine / figure)
    row = [work.name, work.shape, short(statistics.median(nerve)), short(statistics.median(peer)), statistics.mode(best),
           short(statistics.median(ratios)), short(min(ratios)), short(max(ratios)), work.required, work.aim]
    return dict(zip(FIELDS, row, strict=True))


def short(x):
    """x to four digits."""
    return float(f'{x:.4g}')


def mark(row):
    return 'aim' if row['ratio'] >= row['aim'] else 'required' if row['ratio'] >= row['required'] else 'below'


def table(rows):
    """Lines for a terminal."""
    units = {(work.name, work.shape): work.unit for work in WORKS}
    cells = [['work', 'shape', 'nerve', 'peer', '', '', 'ratio', 'least - most', 'required', 'aim', 'reached']]
    for row in rows:
        cells.append([row['work'], row['shape'], f'{row["nerve"]:g}', f'{row["peer"]:g}', units[row['work'], row['shape']], row['peer_name'],
                      f'{row["ratio"]:.2f}', f'{row["ratio_min"]:.2f} - {row["ratio_max"]:.2f}', f'{row["required"]:g}', f'{row["aim"]:g}', mark(row)])
    right = {2, 3, 6, 8, 9}
    widths = [max(len(line[k]) for line in cells) for k in range(len(cells[0]))]
    return ['  '.join(cell.rjust(width) if k in right else cell.ljust(width) for k, (cell, width) in enumerate(zip(line, widths, strict=True))).rstrip()
            for line in cells]


def beside(measured):
    """Lines about what a first round measured beside the table."""
    lines = []
    for (shape, key), figure in measured.items():
        if key == PT_LONGEST:
            lines.append(f'{shape}: PyTorch, AdamW, tweets in an order of chance, each batch padded to its longest: {figure["tokens_per_s"]:.4g} tokens/s (one measure)')
        if key == PT_LONG_PLAIN:
            mine = measured[shape, LONG_PLAIN]
            lines.append(f'{shape}: train-512 with no dropout in attention, where PyTorch has a fused kernel: {mine["tokens_per_s"]:.4g} tokens/s and {mine["peak_mb"]:.0f} MB '
                         f'against {figure["tokens_per_s"]:.4g} and {figure["peak_mb"]:.0f} (one measure)')
    return lines


def quiet(sgemm, others, steal):
    """{sgemm_gflops, sgemm_gflops_min, sgemm_gflops_max, others, steal, busy}: medians of the calibrations beside the measures and of the shares of
    the processors' time that other programs and other machines took; busy is a sentence, or empty where the machine was quiet."""
    reasons = []
    if max(others) > BUSY:
        reasons.append(f'other programs took {statistics.median(others):.0%} of the processors, up to {max(others):.0%} beside one measure')
    if max(steal) > BUSY:
        reasons.append(f'other machines took {statistics.median(steal):.0%} of the processors, up to {max(steal):.0%} beside one measure')
    if max(sgemm) > SWING * min(sgemm):
        reasons.append(f'sgemm gave {min(sgemm):.0f} to {max(sgemm):.0f} GFLOP/s')
    return {'sgemm_gflops': short(statistics.median(sgemm)), 'sgemm_gflops_min': min(sgemm), 'sgemm_gflops_max': max(sgemm),
            'others': round(statistics.median(others), 3), 'steal': round(statistics.median(steal), 3), 'busy': '; '.join(reasons)}
