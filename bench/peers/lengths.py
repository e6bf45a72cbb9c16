#!/usr/bin/env python3
"""The word pieces of each tweet of a CoNLL file, [CLS] and [SEP] included, one number in each line, sorted. bench/twitter2017.lengths came from

  build/bench/peers/bin/python bench/peers/lengths.py $DATA/twitter2017/train.txt $MINILM >bench/twitter2017.lengths

where $MINILM is a folder with the vocabulary of BERT, uncased.
"""
import sys

from transformers import AutoTokenizer


def main(conll, folder):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    lengths, pieces = [], 0
    with open(conll, encoding='utf-8', newline='\n') as file:
        for line in [*file, '\n']:
            word = line.rstrip('\n').split('\t')[0]
            if line.startswith('IMGID:'):
                continue
            if word:
                pieces += max(1, len(tokenizer.tokenize(word)))  # a word without a piece is [UNK]
            elif pieces:
                lengths.append(pieces + 2)
                pieces = 0
    print(*sorted(lengths), sep='\n')


main(*sys.argv[1:])
