#!/usr/bin/env python3
"""Every fusion, as a whole, is what an independent implementation in float64 (float64_model.py) says it is.

  whole_models.py NERVE WHOLE_MODEL CONFIG

Tiny models of every fusion are trained on synthetic tweets, of which some have no picture. From the same weights both sides then give emissions,
beliefs, tags, marginals, uncertainties, losses and gradients (whole_model.c), and the predictions of the test split are found again from the
words, captions and picture files (transformers' tokenizer, Pillow). Needs h5py, numpy, pillow, safetensors, torch, transformers and yaml, here or in the Python
that NERVE_PYTHON names; without them it is skipped, and said.
"""
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'build'))
import rows

other = os.environ.get('NERVE_PYTHON')
if other and 'NERVE_PYTHON_IS_THIS' not in os.environ:
    os.execve(other, [other, *sys.argv], {**os.environ, 'NERVE_PYTHON_IS_THIS': '1'})

MISSING = [name for name in ('h5py', 'numpy', 'PIL', 'safetensors', 'torch', 'transformers', 'yaml') if not importlib.util.find_spec(name)]
if MISSING:
    rows.skip('whole models in float64', f'{sys.executable} has no {", ".join(MISSING)}; NERVE_PYTHON may name another Python')
    print(f'0 passed, 0 failed, {rows.skipped} skipped')
    sys.exit(77)

import numpy
import safetensors.numpy
import torch
import tweets
from float64_model import TIERS, Model

NERVE, WHOLE_MODEL, CONFIG = sys.argv[1:4]
TWEETS = 20
# float32 against float64, of the largest entry of what is compared (conflict, a squared difference: or of 1e-3 where it is less); of a gradient, of
# the parameter's largest entry or a thousandth of the largest of all.
TOLERANCE = {'values': 5e-6, 'conflict': 3e-5, 'loss': 5e-6, 'gradients': 1e-4, 'predictions': 1e-5}

SIZES = ('model.layers=2 model.width=16 model.heads=2 model.inner=24 model.vision_layers=2 model.vision_width=24 model.vision_heads=3 '
         'model.vision_inner=32 model.vision_size=16 model.max_positions=64 train.epochs=20 train.batch=8 train.lr_encoder=5e-3 '
         'train.lr_head=1e-2 train.lr_crf=1e-2 train.lr_fusion=5e-3 train.lr_visual=5e-3 loss.evidence_after=0 loss.evidence_ramp=0 '
         'loss.evidence=0.2').split()
CASES = [
    ('text', ''),
    ('text', 'model.crf=false'),
    ('text', 'model.bio_constraints=false'),
    ('append', 'model.visual=caption'),
    ('append', 'model.visual=caption model.crf=false'),
    ('image', 'model.visual=caption'),
    ('image', 'model.visual=vit model.image_query=words'),
    ('image', 'model.visual=vit model.crf=false'),
    ('concat', 'model.visual=caption'),
    ('concat', 'model.visual=vit model.cross_residual=false'),
    ('concat', 'model.visual=caption model.caption_encoder=own model.crf=false'),
    ('gate', 'model.visual=caption model.caption_encoder=own'),
    ('gate', 'model.visual=vit model.cross_residual=false'),
    ('cross', 'model.visual=caption'),
    ('cross', 'model.visual=vit model.cross_residual=false model.crf=false'),
    ('average', 'model.visual=caption loss.image_balanced=true'),
    ('average', 'model.visual=vit model.image_query=words model.crf=false'),
    ('monig-onehot', 'model.visual=caption model.caption_encoder=own'),
    ('monig-onehot', 'model.visual=vit model.image_query=words model.cross_residual=true model.crf=false'),
    ('monig-onehot', 'model.visual=vit model.tie_alpha=true model.vacuous_neutral=true loss.image_balanced=true train.noise_image=0.2 loss.noise=0.3'),
    ('monig-prob', 'model.visual=caption'),
    ('monig-prob', 'model.visual=vit loss.image_balanced=true loss.class_balanced=false train.noise_image=0.2 loss.noise=0.3'),
    ('monig-prob', 'model.visual=vit model.vision_tokens=class model.vision_layer=1 model.image_query=words'),
    ('monig-prob', 'model.visual=caption model.image_query=words model.cross_residual=true model.crf=false'),
    ('monig-prob', 'model.visual=caption model.vacuous_neutral=true model.tie_alpha=true loss.class_balanced=false'),
    ('monig-prob', 'model.visual=vit model.lora_rank=2 model.vision_lora_rank=3'),
    ('dirichlet', 'model.visual=caption'),
    ('dirichlet', 'model.visual=vit model.image_query=words model.crf=false loss.image_balanced=true train.noise_image=0.2'),
]


def run(*command):
    done = subprocess.run([str(word) for word in command], text=True, capture_output=True)
    if done.returncode:
        rows.check(f'{pathlib.Path(command[0]).name} {" ".join(map(str, command[1:]))} ends well', [f'exit {done.returncode}', *done.stderr.splitlines()])
        rows.finish()


class Deviations:
    """The largest of each kind of value, and what it is of."""

    def __init__(self):
        self.worst = {kind: (0.0, 'nothing') for kind in TOLERANCE}
        self.problems = []

    def add(self, kind, name, found, expected, at_least=0.0):
        found, expected = numpy.asarray(found, dtype='f8'), numpy.asarray(expected, dtype='f8')
        if found.shape != expected.shape:
            self.problems.append(f'{name}: {found.shape} against {expected.shape}')
            return
        scale = max(float(numpy.max(numpy.abs(expected), initial=0.0)), at_least, 1e-30)
        error = float(numpy.max(numpy.abs(found - expected), initial=0.0)) / scale
        if not error <= TOLERANCE[kind]:
            self.problems.append(f'{name}: {error:.1e} of the largest entry, allowed are {TOLERANCE[kind]}')
        if not error <= self.worst[kind][0]:
            self.worst[kind] = (error, name)

    def same(self, name, found, expected):
        if list(found) != list(expected):
            self.problems.append(f'{name}: {list(found)} instead of {list(expected)}')

    def text(self):
        return '; '.join(f'{kind} {error:.1e} ({name})' for kind, (error, name) in self.worst.items())


# ---- the batch that whole_model.c went through ----

def slices(start):
    return [slice(int(a), int(b)) for a, b in zip(start, start[1:])]


def batch_tweets(t):
    """(ids, types, first, look, words' slice) of each tweet."""
    types = t.get('types', numpy.zeros_like(t['ids']))
    looks = {}
    for k, tweet in enumerate(t.get('look_tweet', [])):
        if 'pixels' in t:
            looks[int(tweet)] = ('pixels', torch.tensor(t['pixels'][k], dtype=torch.float64))
        else:
            looks[int(tweet)] = ('caption', torch.tensor(t['caption_ids'][slices(t['caption_start'])[k]], dtype=torch.long))
    for b, (pieces, words) in enumerate(zip(slices(t['seq_start']), slices(t['word_start']))):
        yield (torch.tensor(t['ids'][pieces], dtype=torch.long), torch.tensor(types[pieces], dtype=torch.long),
               torch.tensor(t['first'][words] - pieces.start, dtype=torch.long), looks.get(b), words)


def compare_values(model, t, d):
    out = [(model.tweet(*tweet[:4]), tweet[4]) for tweet in batch_tweets(t)]
    join = lambda parts: torch.cat([part.detach() for part in parts]).numpy()
    d.add('values', 'emissions', t['emissions'], join(x['emissions'] for x, _ in out))
    decoded = [model.decode(x['emissions']) for x, _ in out]
    d.same('tags', t['decoded'], join(decoded))
    if model.m['crf']:
        d.add('values', 'marginals', t['marginals'], join(model.marginals(x['emissions']) for x, _ in out))
    for kind in (*TIERS, 'fused'):
        have = [(x[kind], words) for x, words in out if x[kind] is not None]
        if not have:
            continue
        axis = 1 if model.nig else 0
        rows_of = numpy.concatenate([numpy.arange(words.start, words.stop) for _, words in have])
        expected = torch.cat([x.detach() for x, _ in have], axis).numpy()
        found = numpy.take(t[kind], rows_of, axis)
        for plane, name in enumerate(('gamma', 'nu', 'alpha', 'beta') if model.nig else ('',)):
            d.add('values', f'{kind} {name}', found[plane] if model.nig else found, expected[plane] if model.nig else expected)
    if not model.nig:
        return
    for (x, words), tags in zip(out, decoded):
        found = t['uncertainty'][words]
        pairs = [('fused', found[:, :3], x['fused'])] + [(kind, t[f'uncertainty.{kind}'][words], x[kind]) for kind in TIERS if x[kind] is not None]
        for kind, values, belief in pairs:
            expected = model.uncertainty(belief, tags).detach().numpy()
            for k, name in enumerate(('aleatoric', 'epistemic', 'predictive scale')):
                d.add('values', f'{kind} {name}', values[:, k], expected[:, k])
        if x['image'] is not None:
            expected = model.conflict_and_share(x['text'], x['image'], x['fused'], tags).detach().numpy()
            d.add('conflict', 'of words', found[:, 3], expected[:, 0], at_least=1e-3)
            d.add('values', 'visual share', found[:, 4], expected[:, 1])


def compare_loss(model, t, counts, d):
    losses, silent, noisy = [], 0, 0
    for ids, types, first, look, words in batch_tweets(t):
        heard = bool(t['heard'][words.start]) if 'heard' in t else True
        silent += not heard
        out = model.tweet(ids, types, first, look, heard)
        noise = bool(t['noise'][words.start]) if 'noise' in t else False
        noisy += noise
        losses.append(model.loss(out, torch.tensor(t['tags'][words], dtype=torch.long), counts, noise))
    if model.two_heads and not silent:
        d.problems.append('no tweet goes without its text')
    if model.config['train']['noise_image'] > 0 and not noisy:
        d.problems.append('no picture is noise')
    d.add('loss', 'loss', t['loss'], [float(x.detach()) for x in losses])
    (sum(losses) / len(losses)).backward()
    trained = {name[2:]: g for name, g in t.items() if name.startswith('d.')}
    expected = {name: (model.p[name].grad if model.p[name].grad is not None else torch.zeros_like(model.p[name])).numpy() for name in trained}
    largest = max(float(numpy.abs(g).max()) for g in expected.values())
    for name, g in trained.items():
        d.add('gradients', name, g, expected[name].reshape(g.shape), at_least=1e-3 * largest)
    frozen = [name for name, p in model.p.items() if name not in trained]
    if bool(frozen) != ('lora_rank' in ' '.join(str(k) for k, v in model.m.items() if v and 'lora_rank' in k)):
        d.problems.append(f'without a gradient: {frozen}')


# ---- the predictions of the test split, from its files ----

def compare_predictions(model, run_folder, data, temperature, d):
    reader = tweets.Reader(model, data)
    lines = [json.loads(line) for line in (run_folder / 'predictions.jsonl').read_text().splitlines()]
    split = tweets.read_conll(data / 'test.txt')
    if len(lines) != len(split):
        d.problems.append(f'{len(lines)} predictions of {len(split)} tweets')
    entities = 0
    for line, (name, words, _) in zip(lines, split):
        out = model.tweet(*reader.read(name, words))
        tags = model.decode(out['emissions'])
        spans = tweets.spans([model.tags[k] for k in tags])
        found = [(e['entity_group'], e['word']) for e in line['entities']]
        d.same(f'{name}: entities', found, [(kind, ' '.join(words[first:last + 1])) for first, last, kind in spans])
        if len(found) != len(spans):
            continue
        for e, (first, last, kind) in zip(line['entities'], spans):
            entities += 1
            d.add('predictions', 'score', e['score'], tweets.span_probability(model, out['emissions'], first, last, kind, temperature))
            if not model.nig:
                continue
            at = slice(first, last + 1)
            for part, belief in [(e, out['fused'])] + [(e['modalities'][k], out[k]) for k in TIERS if out[k] is not None]:
                expected = model.uncertainty(belief[:, at], tags[at]).detach().numpy().mean(0)
                for k, key in enumerate(('aleatoric', 'epistemic', 'predictive_scale')):
                    d.add('predictions', key, part[key], expected[k])
            if out['image'] is not None:
                pair = model.conflict_and_share(out['text'][:, at], out['image'][:, at], out['fused'][:, at], tags[at]).detach().numpy().mean(0)
                d.add('conflict', 'of entities', e['conflict'], pair[0], at_least=1e-3)
                d.add('predictions', 'visual share', e['visual_share'], pair[1])
            elif e['conflict'] is not None or e['visual_share'] is not None:
                d.problems.append(f'{name}: has no picture, but {e}')
    return entities


def compare(folder, number, fusion, keys):
    data, run_folder, out = folder / 'data', folder / f'run-{number}', folder / f'out-{number}'
    run(NERVE, 'train', CONFIG, '-q', f'data.dir={data}', *SIZES, f'model.fusion={fusion}', *keys.split(), '--out', run_folder)
    run(WHOLE_MODEL, run_folder, str(TWEETS), out)
    d, model, t = Deviations(), Model(run_folder / 'checkpoints/best.h5'), safetensors.numpy.load_file(out)
    counts = tweets.tag_counts(tweets.read_conll(data / 'train.txt'), model.tags)
    if model.looks and not 0 < len(t['look_tweet']) < TWEETS:
        d.problems.append(f'{len(t["look_tweet"])} of {TWEETS} tweets show something')
    compare_values(model, t, d)
    compare_loss(model, t, counts, d)
    entities = compare_predictions(model, run_folder, data, model.temperature, d)
    rows.check(f'{fusion} {keys}: {d.text()}; {entities} entities', d.problems)


with tempfile.TemporaryDirectory(prefix='nerve-test.') as folder:
    run(NERVE, 'synth', pathlib.Path(folder) / 'data', '-q', '--tweets', '120', '--missing', '0.2')
    for number, (fusion, keys) in enumerate(CASES):
        compare(pathlib.Path(folder), number, fusion, keys)
rows.finish()
