#!/usr/bin/env python3
"""What `nerve export` writes is read by other programs, and means the same there.

  exported_models.py NERVE HIDDEN_STATES CONFIG

A reader of its own here, without any package, reads every folder. Where this Python has h5py, numpy, torch and transformers, or NERVE_PYTHON
names one that has, they read it too: AutoModel and AutoModelForTokenClassification give the hidden states and logits that nerve gives
(hidden_states.c), and h5py finds the same values in a checkpoint and in its plain form. MiniLM and the tiny models come from NERVE_SHARED and
NERVE_REFERENCE. What is not at hand is skipped, and said.
"""
import importlib.util
import json
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'build'))
import rows

other = os.environ.get('NERVE_PYTHON')
if other and 'NERVE_PYTHON_IS_THIS' not in os.environ:
    os.execve(other, [other, *sys.argv], {**os.environ, 'NERVE_PYTHON_IS_THIS': '1'})

MISSING = [name for name in ('h5py', 'numpy', 'torch', 'transformers') if not importlib.util.find_spec(name)]
HAS_H5PY, HAS_TRANSFORMERS = not {'h5py', 'numpy'} & set(MISSING), not {'numpy', 'torch', 'transformers'} & set(MISSING)
TOLERANCE = 2.5e-6  # of the largest entry; float32 against float32
NERVE, HIDDEN_STATES, CONFIG = sys.argv[1:4]
SIZES = {'F64': 8, 'F32': 4, 'I64': 8, 'I32': 4}
SHARED, REFERENCE = os.environ.get('NERVE_SHARED'), os.environ.get('NERVE_REFERENCE')


def run(*command):
    done = subprocess.run([str(word) for word in command], text=True, capture_output=True)
    if done.returncode:
        rows.check(f'{pathlib.Path(command[0]).name} {command[1]} ends well', [f'exit {done.returncode}', *done.stderr.splitlines()])
        rows.finish()
    return done.stderr


# ---- safetensors, by hand ----

def read_safetensors(path):
    """{name: (dtype, shape, bytes)}, metadata, and what is wrong with the file."""
    data = pathlib.Path(path).read_bytes()
    length = struct.unpack('<Q', data[:8])[0]
    header = json.loads(data[8:8 + length])
    metadata = header.pop('__metadata__', {})
    body, end, tensors, problems = data[8 + length:], 0, {}, []
    for name, entry in sorted(header.items(), key=lambda item: item[1]['data_offsets']):
        begin, stop = entry['data_offsets']
        size = SIZES[entry['dtype']]
        count = size
        for dimension in entry['shape']:
            count *= dimension
        if begin != end or stop - begin != count:
            problems.append(f'{name}: offsets {begin}, {stop} behind {end} for shape {entry["shape"]}')
        if (8 + length + begin) % size:
            problems.append(f'{name}: not aligned')
        end = stop
        tensors[name] = (entry['dtype'], entry['shape'], body[begin:stop])
    if end != len(body):
        problems.append(f'{len(body) - end} bytes behind the last tensor')
    return tensors, metadata, problems


def write_safetensors(path, integers):
    header, body = {}, b''
    for name, values in integers.items():
        part = struct.pack(f'<{len(values)}i', *values)
        header[name] = {'dtype': 'I32', 'shape': [len(values)], 'data_offsets': [len(body), len(body) + len(part)]}
        body += part
    text = json.dumps(header).encode()
    pathlib.Path(path).write_bytes(struct.pack('<Q', len(text)) + text + body)


def integers(tensor):
    return list(struct.unpack(f'<{len(tensor[2]) // 4}i', tensor[2]))


# ---- models to export ----

class Exported:
    """A small run and what was exported of it."""

    def __init__(self, folder, name, encoder, ids, keys):
        self.name, self.encoder = name, encoder
        self.run, self.bare, self.head = folder / name, folder / f'{name}-encoder', folder / f'{name}-head'
        self.plain, self.ids, self.out = folder / f'{name}.h5', folder / f'{name}-ids', folder / f'{name}-out'
        source = [f'model.encoder={encoder}'] if encoder else ['model.width=32', 'model.heads=4', 'model.inner=48', 'model.layers=2']
        run(NERVE, 'train', CONFIG, f'data.dir={folder / "data"}', '--out', self.run, *source, 'data.max_length=24', 'model.crf=false',
            'train.epochs=1', 'train.max_steps=3', 'train.batch=8', 'train.warmup=0', *keys)
        run(NERVE, 'export', self.run, '--to', 'safetensors', '--out', self.bare)
        run(NERVE, 'export', self.run, '--to', 'safetensors', '--head', 'linear', '--out', self.head)
        run(NERVE, 'export', self.run / 'checkpoints/last.h5', '--to', 'hdf5', '--out', self.plain)
        self.config = json.loads((self.bare / 'config.json').read_text())
        if not ids:
            chance = random.Random(1)
            lengths = [1, 5, 24, 17]
            ids = {'input_ids': [chance.randrange(self.config['vocab_size']) for _ in range(sum(lengths))],
                   'seq_start': [sum(lengths[:k]) for k in range(len(lengths) + 1)]}
        self.input_ids, self.seq_start = ids['input_ids'], ids['seq_start']
        write_safetensors(self.ids, ids)
        run(HIDDEN_STATES, self.run, self.ids, self.out)


def reference_ids(path):
    tensors = read_safetensors(path)[0]
    return {name: integers(tensors[name]) for name in ('input_ids', 'seq_start')}


def make_models(folder):
    run(NERVE, 'synth', folder / 'data', '--tweets', '60')
    still = ['train.lr_encoder=0', 'train.lr_head=0']
    yield Exported(folder, 'scratch', None, None, [])
    if REFERENCE and os.path.isdir(REFERENCE):
        for name in ('bert_tiny', 'distilbert_tiny'):
            yield Exported(folder, name, f'{REFERENCE}/models/{name}', reference_ids(f'{REFERENCE}/{name}.safetensors'), [])
    else:
        rows.skip('bert_tiny and distilbert_tiny', 'no reference values here (NERVE_REFERENCE)')
    if SHARED and REFERENCE and os.path.isdir(f'{SHARED}/weights/minilm'):
        ids = reference_ids(f'{REFERENCE}/bert_minilm_forward.safetensors')
        yield Exported(folder, 'minilm', f'{SHARED}/weights/minilm', ids, [])
        yield Exported(folder, 'minilm-untouched', f'{SHARED}/weights/minilm', ids, still)
    else:
        rows.skip('minilm', 'no weights here (NERVE_SHARED)')


# ---- without packages ----

def check_folder(model, folder, with_head):
    tensors, metadata, problems = read_safetensors(folder / 'model.safetensors')
    if metadata != {'format': 'pt'}:
        problems.append(f'metadata {metadata}')
    heads = sorted(name for name in tensors if name.startswith('classifier.'))
    if heads != (['classifier.bias', 'classifier.weight'] if with_head else []):
        problems.append(f'heads {heads}')
    config = json.loads((folder / 'config.json').read_text())
    prefix = config['model_type'] + '.' if with_head else ''
    rows_of_table = tensors[f'{prefix}embeddings.word_embeddings.weight'][1][0]
    pieces = len((folder / 'vocab.txt').read_text().split('\n')) - 1
    if not pieces <= rows_of_table == config['vocab_size']:
        problems.append(f'{pieces} pieces, {rows_of_table} rows, vocab_size {config["vocab_size"]}')
    if sorted(path.name for path in folder.iterdir()) != ['config.json', 'model.safetensors', 'tokenizer_config.json', 'vocab.txt']:
        problems.append(f'files {sorted(folder.iterdir())}')
    rows.check(f'{model.name}: the folder {"with" if with_head else "without"} its head is what it says', problems)


def check_untouched(model):
    """Weights that no step changed are the bits that were given."""
    given, exported = (read_safetensors(pathlib.Path(folder) / 'model.safetensors')[0] for folder in (model.encoder, model.bare))
    rows.check(f'{model.name}: what went in came out to the bit',
               [name for name in exported if exported[name] != given.get(name)] + ([] if exported else ['no tensor']))


# ---- with h5py ----

def values_of(path, group):
    import h5py
    found = {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset):
            value = item[()]
            found[name] = value.tobytes() if hasattr(value, 'tobytes') else value
    with h5py.File(path, 'r') as file:
        file[group].visititems(visit)
    return found


def check_hdf5(model):
    checkpoint, plain = values_of(model.run / 'checkpoints/last.h5', '/'), values_of(model.plain, '/')
    groups = sorted({name.split('/')[0] for name in plain})
    problems = [name for name in {**checkpoint, **plain} if checkpoint.get(name) != plain.get(name)]
    if groups != ['meta', 'optimizer', 'parameters']:
        problems.append(f'groups {groups}')
    rows.check(f'{model.name}: h5py finds all of the checkpoint in its plain form, {len(plain)} datasets', problems)
    best, tensors = values_of(model.run / 'checkpoints/best.h5', '/parameters'), read_safetensors(model.head / 'model.safetensors')[0]
    rows.check(f"{model.name}: the folder's tensors are h5py's to the bit",
               [name for name in {**best, **tensors} if name not in tensors or best.get(name) != tensors[name][2]])


# ---- with transformers ----

def pass_through(torch, network, model):
    """The sequences one by one, packed."""
    outputs = []
    with torch.no_grad():
        for first, end in zip(model.seq_start, model.seq_start[1:]):
            outputs.append(network(input_ids=torch.tensor([model.input_ids[first:end]]))[0][0])
    return torch.cat(outputs).numpy()


def difference(found, expected):
    import numpy
    return float(numpy.max(numpy.abs(found.astype('f8') - expected)) / numpy.max(numpy.abs(expected)))


def as_array(tensor):
    import numpy
    return numpy.frombuffer(tensor[2], dtype='<' + {'F32': 'f4', 'F64': 'f8'}[tensor[0]]).reshape(tensor[1])


def close(claim, found, expected):
    worst = difference(found, expected)
    rows.check(f'{claim}: {worst:.1e} of the largest entry', [] if worst <= TOLERANCE else [f'allowed are {TOLERANCE}'])


def load(loader, folder, may_lack):
    network, told = loader.from_pretrained(folder, output_loading_info=True)
    problems = [f'{kind}: {sorted(names)}' for kind, names in told.items() if kind != 'missing_keys' and names]
    problems += [name for name in told['missing_keys'] if not name.startswith(may_lack)]
    return network.eval(), problems


def check_transformers(model):
    import torch
    import transformers
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    out = read_safetensors(model.out)[0]
    network, problems = load(transformers.AutoModel, model.bare, ('pooler.',))
    rows.check(f'{model.name}: AutoModel takes every tensor, as {type(network).__name__}', problems)
    hidden = pass_through(torch, network, model)
    close(f"{model.name}: AutoModel's hidden states are nerve's", hidden, as_array(out['hidden']))
    network, problems = load(transformers.AutoModelForTokenClassification, model.head, ())
    labels = [network.config.id2label[k] for k in range(network.config.num_labels)]
    if not labels[0] == 'O' or any(network.config.label2id[label] != k for k, label in enumerate(labels)):
        problems.append(f'labels {labels}')
    rows.check(f'{model.name}: AutoModelForTokenClassification takes every tensor, as {type(network).__name__}', problems)
    close(f'{model.name}: its logits are', pass_through(torch, network, model), as_array(out['logits']))
    return hidden


def check_reference_tweets(model, hidden):
    """Real weights through nerve into transformers: what transformers in float64 gave of the published folder."""
    tensors = read_safetensors(f'{REFERENCE}/bert_minilm_forward.safetensors')[0]
    last = max(int(name.split('.')[1]) for name in tensors if name.startswith('hidden.'))
    close(f'{model.name}: hidden states of the reference tweets', hidden, as_array(tensors[f'hidden.{last}']))
    import transformers
    tokenizer = transformers.AutoTokenizer.from_pretrained(model.bare)
    unknown = tokenizer.unk_token_id
    tweets = json.loads(pathlib.Path(f'{REFERENCE}/bert_minilm_forward.tweets.json').read_text())
    problems = [word for tweet in tweets for word, pieces in zip(tweet['words'], tweet['pieces'])
                if (tokenizer.encode(word, add_special_tokens=False) or [unknown]) != (pieces or [unknown])]
    rows.check(f'{model.name}: AutoTokenizer cuts the reference tweets as they are', problems)


with tempfile.TemporaryDirectory(prefix='nerve-test.') as folder:
    for exported in make_models(pathlib.Path(folder)):
        check_folder(exported, exported.bare, False)
        check_folder(exported, exported.head, True)
        if exported.name.endswith('untouched'):
            check_untouched(exported)
        if HAS_H5PY:
            check_hdf5(exported)
        if HAS_TRANSFORMERS:
            states = check_transformers(exported)
            if exported.name.endswith('untouched'):
                check_reference_tweets(exported, states)
for what, has in (('exported models in h5py', HAS_H5PY), ('exported models in transformers', HAS_TRANSFORMERS)):
    if not has:
        rows.skip(what, f'{sys.executable} has no {", ".join(MISSING)}; NERVE_PYTHON may name another Python')
rows.finish()
