#!/usr/bin/env python3
"""Prediction in PyTorch: inference_mode, scaled_dot_product_attention, batches by length, the best tag of each word."""
import torch

import work
from pytorch_model import Tagger, tensors


def main():
    args = work.parser(__doc__).parse_args()
    torch.set_num_threads(args.threads)
    model = Tagger(args.shape).eval()

    def step(batch):
        with torch.inference_mode():
            return model(*tensors(batch)).argmax(1).numpy()

    work.measure(step, work.batches(args))


main()
