#!/usr/bin/env python3
"""The model of a shape as ONNX for onnxruntime_predict.py: the weights that pytorch_predict.py has, made one by ONNX Runtime's optimizer for transformers.

  onnx_export.py SHAPE FILE
"""
import pathlib
import sys
import tempfile
import warnings

import torch
from onnxruntime.transformers import optimizer

import work
from pytorch_model import Tagger


def main(shape, file):
    warnings.simplefilter('ignore')
    sizes = work.SHAPES[shape]
    model = Tagger(shape, 'eager').eval()  # the form of attention that the optimizer knows
    ids = torch.randint(work.FIRST_PLAIN, work.VOCABULARY, (2, 7))
    mask = torch.ones_like(ids)
    with tempfile.TemporaryDirectory(dir=pathlib.Path(file).parent) as folder:
        plain = f'{folder}/plain.onnx'
        axes = {0: 'tweets', 1: 'pieces'}
        torch.onnx.export(model, (ids, mask), plain, dynamo=False, opset_version=17, input_names=['ids', 'mask'], output_names=['logits'],
                          dynamic_axes={'ids': axes, 'mask': axes, 'logits': axes})
        fused = optimizer.optimize_model(plain, model_type='bert', num_heads=sizes['heads'], hidden_size=sizes['width'], opt_level=0)
        found = fused.get_fused_operator_statistics()
        expected = {'EmbedLayerNormalization': 1, 'Attention': sizes['layers'], 'BiasGelu': sizes['layers'], 'SkipLayerNormalization': 2 * sizes['layers']}
        if any(found.get(name) != count for name, count in expected.items()):
            raise SystemExit(f'ONNX Runtime\'s optimizer did not make one of what it can: {found} instead of {expected}')
        fused.save_model_to_file(file)


main(*sys.argv[1:])
