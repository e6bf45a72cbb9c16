#!/usr/bin/env python3
"""Makes a checkpoint of the format that this program writes, and what float64_model.py finds with it, for test_checkpoints_of_every_format_are_read.c.

  make_checkpoint.py NERVE CONFIG FORMATS

Writes FORMATS/checkpoint-N.h5, a tiny model of monig-prob whose tweets show captions, and checkpoint-N.json beside it: {"sentences": [{words,
caption, tags, marginals [n][L], beliefs {text, image, fused} [n][4], uncertainty [n][5]}]}; the last two are of each word at its tag, and hold
gamma, nu, alpha, beta; aleatoric, epistemic, predictive scale, conflict, visual share. A tweet without a caption has null there, in image, and
in what the picture is needed for. Where a format is done, its files are never made again: they are what an older program wrote. Needs what
whole_models.py needs.
"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import h5py
import torch
import tweets
from float64_model import Model

NERVE, CONFIG, FORMATS = sys.argv[1:4]
SENTENCES, WITHOUT = 6, 2  # in all, and those of them without a caption
KEYS = ('-q model.fusion=monig-prob model.visual=caption model.layers=1 model.width=16 model.heads=2 model.inner=24 model.max_positions=64 '
        'train.epochs=30 train.batch=8 train.lr_encoder=5e-3 train.lr_head=1e-2 train.lr_crf=1e-2 train.lr_fusion=5e-3').split()


def rounded(x):
    return [float(f'{v:.9g}') for v in x.tolist()] if x.dim() == 1 else [rounded(row) for row in x]


def at(belief, tags):
    return rounded(belief[:, range(len(tags)), tags].T)


def sentence(model, reader, name, words):
    ids, types, first, look = reader.read(name, words)
    with torch.no_grad():
        out = model.tweet(ids, types, first, look)
        tags = model.decode(out['emissions'])
        uncertainty = rounded(model.uncertainty(out['fused'], tags))
        if look:
            pair = rounded(model.conflict_and_share(out['text'], out['image'], out['fused'], tags))
        else:
            pair = [[None, None]] * len(words)
    return {'words': words, 'caption': reader.captions.get(name), 'tags': [model.tags[k] for k in tags],
            'marginals': [[round(p, 9) for p in row] for row in model.marginals(out['emissions']).tolist()],
            'beliefs': {kind: out[kind] if out[kind] is None else at(out[kind], tags) for kind in ('text', 'image', 'fused')},
            'uncertainty': [a + b for a, b in zip(uncertainty, pair)]}


def text(value, depth=0):
    """JSON with a row of numbers or words on one line."""
    if isinstance(value, dict):
        parts = [f'{json.dumps(key)}: {text(item, depth + 1)}' for key, item in value.items()]
    elif isinstance(value, list) and any(isinstance(item, (list, dict)) for item in value):
        parts = [text(item, depth + 1) for item in value]
    else:
        return json.dumps(value, ensure_ascii=False)
    indent = '\n' + '  ' * (depth + 1)
    begin, end = '{}' if isinstance(value, dict) else '[]'
    return begin + indent + (',' + indent).join(parts) + '\n' + '  ' * depth + end


with tempfile.TemporaryDirectory(prefix='nerve-checkpoint.') as folder:
    data, run = pathlib.Path(folder) / 'data', pathlib.Path(folder) / 'run'
    subprocess.run([NERVE, 'synth', data, '-q', '--tweets', '120', '--missing', '0.2'], check=True)
    subprocess.run([NERVE, 'train', CONFIG, f'data.dir={data}', *KEYS, '--out', run], check=True)
    best = run / 'checkpoints/best.h5'
    with h5py.File(best, 'r') as file:
        number = int(file['meta/format'][()])
    model = Model(best)
    reader = tweets.Reader(model, data)
    found = [sentence(model, reader, name, words) for name, words, _ in tweets.read_conll(data / 'test.txt')]
    found = [x for x in found if any(tag != 'O' for tag in x['tags'])]
    blind, seeing = [x for x in found if not x['caption']][:WITHOUT], [x for x in found if x['caption']]
    chosen = seeing[:SENTENCES - len(blind)] + blind
    if len(chosen) != SENTENCES or len(blind) != WITHOUT:
        sys.exit(f'{len(chosen)} sentences with entities, {len(blind)} of them without a caption')
    target = pathlib.Path(FORMATS) / f'checkpoint-{number}'
    shutil.copyfile(best, target.with_suffix('.h5'))
    target.with_suffix('.json').write_text(text({'sentences': chosen}) + '\n')
