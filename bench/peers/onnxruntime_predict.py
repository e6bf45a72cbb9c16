#!/usr/bin/env python3
"""Prediction in ONNX Runtime: the model of onnx_export.py with all graph optimizations, batches by length, the best tag of each piece."""
import onnxruntime

import work


def main():
    parser = work.parser(__doc__)
    parser.add_argument('--model', required=True, help='file of onnx_export.py')
    args = parser.parse_args()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = args.threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(args.model, options, providers=['CPUExecutionProvider'])

    def step(batch):
        ids, mask = work.padded(batch)
        return session.run(['logits'], {'ids': ids, 'mask': mask})[0].argmax(2)

    work.measure(step, work.batches(args))


main()
