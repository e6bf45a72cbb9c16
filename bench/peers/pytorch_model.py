"""pytorch_model.py - the model in PyTorch: a BERT of random weights and a linear head over the words' first pieces."""
import torch
from transformers import BertConfig, BertModel

import work


class Tagger(torch.nn.Module):
    def __init__(self, shape, attention='sdpa', attention_dropout=.1):
        super().__init__()
        torch.manual_seed(1)
        sizes = work.SHAPES[shape]
        self.encoder = BertModel(
            BertConfig(vocab_size=work.VOCABULARY, hidden_size=sizes['width'], num_hidden_layers=sizes['layers'], num_attention_heads=sizes['heads'],
                       intermediate_size=4 * sizes['width'], max_position_embeddings=work.POSITIONS, attention_probs_dropout_prob=attention_dropout,
                       attn_implementation=attention),
            add_pooling_layer=False)
        self.dropout = torch.nn.Dropout(.1)
        self.classifier = torch.nn.Linear(sizes['width'], work.TAGS)

    def forward(self, ids, mask, rows=None):
        """ids [B,n]; mask [B,n], or None where nothing is padded; rows [words] of the B n rows, or None: logits of all."""
        hidden = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        if rows is not None:
            hidden = hidden.flatten(0, 1)[rows]
        return self.classifier(self.dropout(hidden))


def tensors(batch):
    """ids, mask and rows as the model takes them, without a mask where it would hide nothing: that is faster."""
    ids, mask = work.padded(batch)
    rows = torch.cat([torch.from_numpy(tweet.first) + row * ids.shape[1] for row, tweet in enumerate(batch)])
    return torch.from_numpy(ids), None if mask.all() else torch.from_numpy(mask), rows
