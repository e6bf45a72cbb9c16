#!/usr/bin/env python3
"""Features of pictures in PyTorch: CLIP's vision tower over pictures that Pillow reads.

Decoding, bicubic resize, centre crop and normalisation as in CLIPImageProcessor, batches through the encoder in inference mode, all tokens kept.
Prints one line of JSON; loading torch and the weights does not count. With --make it writes the pictures instead: seeded noise of few frequencies,
as JPEGs of the size that tweets have.

  pytorch_features.py --images DIR --make 100
  pytorch_features.py --images DIR --clip FOLDER --batch 16
"""
import argparse
import json
import pathlib
import time

import numpy
from PIL import Image

import work

MEAN = numpy.array([0.48145466, 0.4578275, 0.40821073], numpy.float32)
STD = numpy.array([0.26862954, 0.26130258, 0.27577711], numpy.float32)


def make(folder, count):
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(count):
        coarse = numpy.random.default_rng(k).integers(0, 256, (30, 40, 3), numpy.uint8)
        Image.fromarray(coarse).resize((600, 450), Image.BICUBIC).save(folder / f'{k:04d}.jpg', quality=90)


def read(path, side):
    picture = Image.open(path).convert('RGB')
    width, height = picture.size
    short = min(width, height)
    width, height = int(side * width / short), int(side * height / short)
    left, top = (width - side) // 2, (height - side) // 2
    picture = picture.resize((width, height), Image.BICUBIC).crop((left, top, left + side, top + side))
    return ((numpy.asarray(picture, numpy.float32) / 255 - MEAN) / STD).transpose(2, 0, 1)


def encode(args):
    import torch
    from transformers import CLIPVisionModel
    torch.set_num_threads(args.threads)
    model = CLIPVisionModel.from_pretrained(args.clip).eval()
    side, kept = model.config.image_size, {}
    paths = sorted(args.images.iterdir())
    start = time.perf_counter()
    with torch.inference_mode():
        for at in range(0, len(paths), args.batch):
            part = paths[at:at + args.batch]
            pixels = torch.from_numpy(numpy.stack([read(path, side) for path in part]))
            tokens = model(pixel_values=pixels).last_hidden_state.numpy()
            kept.update({path.stem: row for path, row in zip(part, tokens)})
    seconds = time.perf_counter() - start
    print(json.dumps({'pictures_per_s': len(kept) / seconds, 'peak_mb': work.peak_mb()}))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--images', type=pathlib.Path, required=True)
    parser.add_argument('--make', type=int)
    parser.add_argument('--clip')
    parser.add_argument('--batch', type=int, default=16)
    parser.add_argument('--threads', type=int, default=2)
    args = parser.parse_args()
    if args.make:
        make(args.images, args.make)
    else:
        encode(args)


main()
