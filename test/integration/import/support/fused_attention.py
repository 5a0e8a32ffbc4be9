"""Runs a graph with the operator of the attention kernel, which no runtime on a CPU has, by ONNX's own evaluator; the operator is
computed here by its definition. Usage: fused_attention.py MODEL.onnx, a list of rows of token ids as JSON on standard input.
Prints the embeddings as JSON."""

import json
import sys

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


rows = json.load(sys.stdin)
longest = max(map(len, rows))
ids = np.array([row + [1] * (longest - len(row)) for row in rows], np.int32)
lengths = np.array([len(row) for row in rows], np.int32)
model = onnx.load(sys.argv[1])
(embedding,) = ReferenceEvaluator(model, new_ops=[VirnucproAttention]).run(None, {"input_ids": ids, "lengths": lengths})
print(json.dumps(embedding.tolist()))
