"""tweets.py - tweets, their captions and pictures from their files, and entities from tags, for float64_model.py."""
import re

import torch
from PIL import Image
from transformers import BertTokenizerFast


def read_conll(path):
    """[(id, words, tags)]"""
    found, name, words, tags = [], None, [], []
    for line in [*path.read_text().split('\n'), '']:
        if line.startswith('IMGID:'):
            name = line[6:]
        elif line:
            word, tag = line.split('\t')
            words.append(word)
            tags.append(tag)
        elif words:
            found.append((name, words, tags))
            name, words, tags = None, [], []
    return found


def tag_counts(split, names):
    tags = [tag for _, _, of_tweet in split for tag in of_tweet]
    return [tags.count(name) for name in names]


def read_captions(path):
    return {name: text for name, text in re.findall(r'^(.*?)\.jpg :(.*)$', path.read_text(), re.M)}


def read_pixels(path, side):
    picture = Image.open(path).convert('RGB').resize((side, side), Image.BILINEAR)
    pixels = torch.tensor(list(picture.tobytes()), dtype=torch.float64).reshape(side, side, 3).permute(2, 0, 1)
    return (pixels / 255 - 0.5) / 0.5


class Pieces:
    """A vocabulary as transformers cuts by it."""

    def __init__(self, vocabulary, lower_case=True):
        place = {piece: k for k, piece in enumerate(vocabulary.split('\n')) if piece}
        self.cut = BertTokenizerFast(vocab=place, do_lower_case=lower_case)
        self.cls, self.sep, self.unk = place['[CLS]'], place['[SEP]'], place['[UNK]']

    def text(self, text):
        return self.cut.encode(text, add_special_tokens=False)

    def tweet(self, words):
        """ids with [CLS] and [SEP], and each word's first piece."""
        ids, first = [self.cls], []
        for word in words:
            first.append(len(ids))
            ids += self.text(word) or [self.unk]
        return ids + [self.sep], first

    def caption(self, text, limit):
        return [self.cls, *self.text(text)[:limit - 2], self.sep]


class Reader:
    """What a model is given for a tweet of a data folder."""

    def __init__(self, model, data):
        self.model, self.data = model, data
        self.pieces = Pieces(model.vocabulary)
        self.captions = read_captions(data / 'captions.txt')

    def look(self, name):
        if self.model.m['visual'] == 'caption':
            text = self.captions.get(name)
            return text and ('caption', torch.tensor(self.pieces.caption(text, self.model.m['caption_length'])))
        path = self.data / 'images' / f'{name}.png'
        return ('pixels', read_pixels(path, self.model.vision['image_size'])) if path.exists() else None

    def read(self, name, words):
        """ids, types, first, look"""
        ids, first = self.pieces.tweet(words)
        types = [0] * len(ids)
        if self.model.fusion == 'append' and name in self.captions:
            behind = (self.pieces.text(self.captions[name]) + [self.pieces.sep])
            room = self.model.max_length - len(ids)
            assert len(behind) <= room
            ids, types = ids + behind, types + [1] * len(behind)
        return torch.tensor(ids), torch.tensor(types), torch.tensor(first), self.look(name) if self.model.looks else None


# ---- entities ----

def spans(tags):
    """[(first, last, type)], the lenient reading."""
    found = []
    for w, tag in enumerate(tags):
        if tag == 'O':
            continue
        goes_on = tag.startswith('I-') and w > 0 and tags[w - 1] != 'O' and tags[w - 1][2:] == tag[2:]
        if goes_on:
            found[-1] = (found[-1][0], w, tag[2:])
        else:
            found.append((w, w, tag[2:]))
    return found


def span_probability(model, emissions, first, last, kind, temperature):
    """That the tags have exactly this entity, at the temperature."""
    begin, inside = model.tags.index(f'B-{kind}'), model.tags.index(f'I-{kind}')
    x = emissions.detach() / temperature
    n = len(x)
    if not model.m['crf']:
        p = torch.softmax(x, -1)
        value = torch.maximum(p[first, begin], p[first, inside])
        for w in range(first + 1, last + 1):
            value = value * p[w, inside]
        return float(value * (1 - p[last + 1, inside]) if last + 1 < n else value)

    def only(opening):
        y = torch.full_like(x, -torch.inf)
        y[:first], y[last + 1:] = x[:first], x[last + 1:]
        y[first, opening] = x[first, opening]
        y[first + 1:last + 1, inside] = x[first + 1:last + 1, inside]
        if last + 1 < n:
            y[last + 1, inside] = -torch.inf
        if opening == inside and first > 0:
            y[first - 1, [begin, inside]] = -torch.inf
        return y
    with torch.no_grad():
        z = model.log_z(x, temperature)
        return float(sum(torch.exp(model.log_z(only(opening), temperature) - z) for opening in (begin, inside)))
