#!/usr/bin/env python3
"""Training in PyTorch: dropout, cross-entropy of 9 tags, backward, gradients clipped to a norm of 1, AdamW.

Attention is scaled_dot_product_attention. --optimizer default is AdamW as it comes, fused its form of one pass; --padding longest takes the tweets in
an order of chance, so that a batch is padded to the longest of any, sorted by length, so that hardly anything is padded. With --attention-dropout 0 it takes
its fused kernel of attention, which knows no dropout on processors.
"""
import torch

import work
from pytorch_model import Tagger, tensors


def main():
    parser = work.parser(__doc__)
    parser.add_argument('--optimizer', choices=['default', 'fused'], default='fused')
    parser.add_argument('--padding', choices=['sorted', 'longest'], default='sorted')
    parser.add_argument('--attention-dropout', type=float, default=.1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    model = Tagger(args.shape, attention_dropout=args.attention_dropout).train()
    decayed = [p for p in model.encoder.parameters() if p.dim() > 1]
    plain = [p for p in model.encoder.parameters() if p.dim() == 1]
    groups = [{'params': decayed, 'lr': 1e-4, 'weight_decay': .01}, {'params': plain, 'lr': 1e-4, 'weight_decay': 0},
              {'params': list(model.classifier.parameters()), 'lr': 2e-3, 'weight_decay': .01}]
    optimizer = torch.optim.AdamW(groups, fused=True) if args.optimizer == 'fused' else torch.optim.AdamW(groups)

    def step(batch):
        optimizer.zero_grad(set_to_none=True)
        tags = torch.cat([torch.from_numpy(tweet.tags) for tweet in batch])
        loss = torch.nn.functional.cross_entropy(model(*tensors(batch)), tags)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.)
        optimizer.step()
        if not loss.item() < 100:
            raise SystemExit(f'a loss of {loss.item()}: this measures nothing')

    work.measure(step, work.batches(args, args.padding))


main()
