"""work.py - the work that nerve and its peers are measured on: the same shapes, lengths, batches, and rule of how long to measure.

It follows src/nerve/bench.c: random weights, batches of neighbours in a list of lengths, word pieces that are drawn as words occur, and rounds of batches
for SECONDS, the first one not counted. Needs numpy alone: a peer's memory is what the peer needs.
"""
import argparse
import json
import pathlib
import resource
import time

import numpy

import tweets

SHAPES = {'minilm': {'layers': 6, 'width': 384, 'heads': 12}, 'bert-base': {'layers': 12, 'width': 768, 'heads': 12}}
VOCABULARY, POSITIONS, TAGS = 30522, 512, 9
CLS, SEP, FIRST_PLAIN = 2, 3, 5
WORDS_PER_PIECE = 0.865
SECONDS = 4


def parser(about):
    p = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--shape', choices=SHAPES, default='minilm')
    p.add_argument('--lengths', type=pathlib.Path, required=True, help='word pieces of one tweet in each line')
    p.add_argument('--batch', type=int, default=16, help='tweets')
    p.add_argument('--batches', type=int, default=16, help='of a round')
    p.add_argument('--threads', type=int, default=2)
    return p


class Tweet:
    """ids [pieces]; first [words], the row of each word's first piece; tags [words]."""

    def __init__(self, pieces, random):
        words = max(1, round(WORDS_PER_PIECE * (pieces - 2)))
        ranks = (VOCABULARY - FIRST_PLAIN) ** random.random(pieces)
        self.ids = FIRST_PLAIN - 1 + ranks.astype(numpy.int64)
        self.ids[0], self.ids[-1] = CLS, SEP
        self.first = 1 + numpy.arange(words) * (pieces - 2) // words
        self.tags = random.integers(0, TAGS, words)


def batches(args, order='sorted'):
    """Lists of tweets: by length, or in an order of chance."""
    random = numpy.random.default_rng(1)
    lengths = tweets.lengths_of([int(line) for line in args.lengths.read_text().split()], args.batch, args.batches)
    chosen = [[Tweet(pieces, random) for pieces in batch] for batch in lengths]
    if order == 'sorted':
        return chosen
    flat = [tweet for batch in chosen for tweet in batch]
    order = random.permutation(len(flat))
    return [[flat[i] for i in order[at:at + args.batch]] for at in range(0, len(flat), args.batch)]


def padded(batch):
    """ids and mask, [tweets, longest]."""
    ids = numpy.zeros((len(batch), max(len(tweet.ids) for tweet in batch)), numpy.int64)
    mask = numpy.zeros_like(ids)
    for row, tweet in enumerate(batch):
        ids[row, :len(tweet.ids)] = tweet.ids
        mask[row, :len(tweet.ids)] = 1
    return ids, mask


def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(step, todo, **more):
    """Runs step(batch) over all batches, round after round, and prints one line of JSON."""
    for batch in todo:
        step(batch)
    peak, steps, seconds = peak_mb(), 0, 0.0
    while seconds < SECONDS:
        start = time.perf_counter()
        for batch in todo:
            step(batch)
        seconds += time.perf_counter() - start
        steps += len(todo)
    pieces = sum(len(tweet.ids) for batch in todo for tweet in batch) * steps / len(todo)
    print(json.dumps({'tokens_per_s': pieces / seconds, 'step_ms': seconds * 1000 / steps, 'peak_mb': peak, **more}))
