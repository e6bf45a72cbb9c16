#!/usr/bin/env python3
"""The peer that nerve's training speed is held against: the same model, recipe and data in PyTorch.

MiniLM or any BERT folder -> first piece of each word -> dropout -> linear -> CRF, AdamW (fused), length-grouped batches padded to their longest
tweet, as configs/twitter2017.yaml says. Prints one JSON line: word pieces a second (padding does not count), peak memory, loss.

  python3 -m venv venv && venv/bin/pip install torch==2.13.0 transformers
  venv/bin/python bench/pytorch_train.py --data $DATA --encoder $MINILM --steps 60
"""
import argparse
import json
import random
import resource
import time

import torch
from transformers import AutoTokenizer, BertModel


def read_conll(path):
    tweets, words, tags = [], [], []
    for line in open(path, encoding="utf-8", newline="\n"):
        line = line.rstrip("\n")
        if line.startswith("IMGID:"):
            continue
        if not line:
            if words:
                tweets.append((words, tags))
            words, tags = [], []
            continue
        fields = line.split("\t")
        words.append(fields[0])
        tags.append(fields[-1])
    if words:
        tweets.append((words, tags))
    return tweets


class Crf(torch.nn.Module):
    def __init__(self, tags):
        super().__init__()
        n = len(tags)
        self.start = torch.nn.Parameter(torch.empty(n).uniform_(-0.1, 0.1))
        self.end = torch.nn.Parameter(torch.empty(n).uniform_(-0.1, 0.1))
        self.transitions = torch.nn.Parameter(torch.empty(n, n).uniform_(-0.1, 0.1))
        inside = torch.tensor([t.startswith("I-") for t in tags])
        follows = torch.tensor([[not b.startswith("I-") or (a[2:] == b[2:] and a != "O") for b in tags] for a in tags])
        self.register_buffer("bad_start", inside)
        self.register_buffer("bad_transition", ~follows)

    def nll(self, emissions, tags, mask):
        start = self.start.masked_fill(self.bad_start, -1e4)
        transitions = self.transitions.masked_fill(self.bad_transition, -1e4)
        batch, length, _ = emissions.shape
        rows = torch.arange(batch)
        gold = start[tags[:, 0]] + emissions[rows, 0, tags[:, 0]]
        alpha = start + emissions[:, 0]
        for t in range(1, length):
            on = mask[:, t]
            gold = gold + (transitions[tags[:, t - 1], tags[:, t]] + emissions[rows, t, tags[:, t]]) * on
            step = torch.logsumexp(alpha.unsqueeze(2) + transitions, 1) + emissions[:, t]
            alpha = torch.where(on.unsqueeze(1), step, alpha)
        last = mask.long().sum(1) - 1
        gold = gold + self.end[tags[rows, last]]
        return torch.logsumexp(alpha + self.end, 1) - gold


class Tagger(torch.nn.Module):
    def __init__(self, folder, tags):
        super().__init__()
        self.encoder = BertModel.from_pretrained(folder, add_pooling_layer=False)
        self.dropout = torch.nn.Dropout(0.1)
        self.classifier = torch.nn.Linear(self.encoder.config.hidden_size, len(tags))
        torch.nn.init.normal_(self.classifier.weight, std=0.02)
        torch.nn.init.zeros_(self.classifier.bias)
        self.crf = Crf(tags)

    def forward(self, ids, attention, first, tags, mask):
        hidden = self.encoder(input_ids=ids, attention_mask=attention).last_hidden_state
        words = hidden.gather(1, first.unsqueeze(2).expand(-1, -1, hidden.shape[2]))
        return self.crf.nll(self.classifier(self.dropout(words)), tags, mask)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder with train.txt")
    parser.add_argument("--encoder", required=True, help="Hugging Face folder of a BERT")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--skip", type=int, default=5, help="first steps, not timed")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)

    tweets = read_conll(args.data + "/train.txt")
    types = sorted({t[2:] for _, tags in tweets for t in tags if t != "O"})
    tags = ["O"] + [p + t for t in types for p in ("B-", "I-")]
    tokenizer = AutoTokenizer.from_pretrained(args.encoder)
    encoded = []
    for words, names in tweets:
        ids, first = [tokenizer.cls_token_id], []
        for word in words:
            first.append(len(ids))
            ids += tokenizer.convert_tokens_to_ids(tokenizer.tokenize(word)) or [tokenizer.unk_token_id]
        ids.append(tokenizer.sep_token_id)
        encoded.append((ids, first, [tags.index(n) for n in names]))

    model = Tagger(args.encoder, tags).train()
    head = list(model.classifier.parameters()) + list(model.crf.parameters())
    decayed = [p for n, p in model.encoder.named_parameters() if p.dim() > 1]
    plain = [p for n, p in model.encoder.named_parameters() if p.dim() == 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "lr": 1e-4, "weight_decay": 0.01}, {"params": plain, "lr": 1e-4, "weight_decay": 0},
         {"params": head, "lr": 2e-3, "weight_decay": 0}], fused=True)

    rng = random.Random(args.seed)
    order = list(range(len(encoded)))
    rng.shuffle(order)
    batches, pool = [], 20 * args.batch
    for i in range(0, len(order), pool):
        part = sorted(order[i:i + pool], key=lambda k: len(encoded[k][0]))
        batches += [part[j:j + args.batch] for j in range(0, len(part), args.batch)]
    rng.shuffle(batches)

    pieces, seconds, loss = 0, 0.0, 0.0
    for step in range(args.steps):
        rows = [encoded[k] for k in batches[step % len(batches)]]
        started = time.perf_counter()
        length, words = max(len(r[0]) for r in rows), max(len(r[1]) for r in rows)
        ids = torch.zeros(len(rows), length, dtype=torch.long)
        attention, mask = torch.zeros_like(ids), torch.zeros(len(rows), words, dtype=torch.bool)
        first, gold = torch.zeros(len(rows), words, dtype=torch.long), torch.zeros(len(rows), words, dtype=torch.long)
        for b, (i, f, t) in enumerate(rows):
            ids[b, :len(i)], attention[b, :len(i)] = torch.tensor(i), 1
            first[b, :len(f)], gold[b, :len(t)], mask[b, :len(f)] = torch.tensor(f), torch.tensor(t), True
        optimizer.zero_grad(set_to_none=True)
        value = model(ids, attention, first, gold, mask).mean()
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        loss = value.item()
        if step >= args.skip:
            seconds += time.perf_counter() - started
            pieces += sum(len(r[0]) for r in rows)
    print(json.dumps({"framework": "pytorch " + torch.__version__, "threads": args.threads, "tokens_per_s": pieces / seconds,
                      "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "loss": loss}))


if __name__ == "__main__":
    main()
