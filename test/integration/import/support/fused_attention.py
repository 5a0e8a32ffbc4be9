"""Runs a graph with operators of our kernels, which no runtime on a CPU has, by ONNX's own evaluator; the operators are
computed here by their definitions. Usage: fused_attention.py MODEL.onnx, a list of rows of token ids as JSON on standard input.
Prints the embeddings as JSON."""

import json
import math
import sys

import ml_dtypes
import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun


class VirnucproAttention(OpRun):
    op_domain = ""

    def _run(self, qkv, lengths, positions, heads=None, size=None, alibi=None, half=None):
        assert (half == 1) == (qkv.dtype == np.float16), "half says what the kernel is compiled for"
        rows, tokens, _ = qkv.shape
        q, k, v = qkv.astype(np.float64).reshape(rows, tokens, 3, heads, size).transpose(2, 0, 3, 1, 4)
        at = np.arange(tokens)
        scores = np.zeros((rows, heads, tokens, tokens))
        if alibi:
            scores -= positions[:, None, None] * np.abs(at[None, :] - at[:, None])
        else:
            waves = positions[:tokens].astype(np.float64)
            q, k = self.turned(q, waves), self.turned(k, waves)
        scores += q @ k.transpose(0, 1, 3, 2)
        scores[np.broadcast_to((at[None] >= lengths[:, None])[:, None, None], scores.shape)] = -np.inf
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = weights / weights.sum(-1, keepdims=True) @ v
        return (mixed.transpose(0, 2, 1, 3).reshape(rows, tokens, heads * size).astype(qkv.dtype),)

    @staticmethod
    def turned(x, waves):
        cos, sin = waves[:, 0::2], waves[:, 1::2]
        a, b = np.split(x, 2, axis=-1)
        return np.concatenate([a * cos - b * sin, b * cos + a * sin], axis=-1)


class VirnucproEncoderLayer(VirnucproAttention):
    op_domain = ""

    def _run(self, x, lengths, positions, vectors, scales, *weights, width=None, heads=None, hidden=None):
        sizes = [width] * 4 + [3 * width, width, hidden, width]
        norms_and_biases = np.split(vectors.astype(np.float64), np.cumsum(sizes)[:-1])
        norms, biases = norms_and_biases[:4], norms_and_biases[4:]
        assert vectors.size == sum(sizes)
        steps, epsilon = scales[:48:4].astype(np.float64).reshape(4, 3), scales[48]

        def normalized(y, which):
            y = y - y.mean(-1, keepdims=True)
            return y / np.sqrt((y * y).mean(-1, keepdims=True) + epsilon) * norms[2 * which] + norms[2 * which + 1]

        def product(y, which):
            step, weight_step, quantize = steps[which]
            eights = np.clip(y * quantize, -448, 448).astype(ml_dtypes.float8_e4m3fn).astype(np.float64)
            matrix = weights[which].view(ml_dtypes.float8_e4m3fn).astype(np.float64)
            assert quantize * step == 1 and matrix.shape[1] == y.shape[-1]
            return eights @ matrix.T * (step * weight_step) + biases[which]

        def rounded(y):
            return y.astype(ml_dtypes.bfloat16).astype(np.float64)

        x = x.astype(np.float64)
        qkv = rounded(product(normalized(x, 0), 0))
        attention = {"heads": heads, "size": width // heads, "alibi": 0, "half": 0}
        (mixed,) = VirnucproAttention._run(self, qkv, lengths, positions, **attention)
        x = rounded(x + product(mixed, 1))
        y = product(normalized(x, 1), 2)
        y = y / 2 * (1 + np.vectorize(math.erf)(y / math.sqrt(2)))
        return ((x + product(y, 3)).astype(ml_dtypes.bfloat16),)


rows = json.load(sys.stdin)
longest = max(map(len, rows))
ids = np.array([row + [1] * (longest - len(row)) for row in rows], np.int32)
lengths = np.array([len(row) for row in rows], np.int32)
model = onnx.load(sys.argv[1])
(embedding,) = ReferenceEvaluator(model, new_ops=[VirnucproAttention, VirnucproEncoderLayer]).run(None, {"input_ids": ids, "lengths": lengths})
print(json.dumps(embedding.tolist()))
