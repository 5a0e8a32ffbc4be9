"""A whole layer of a transformer with norms before its halves, its four products in FP8: norms, GELU and attention give them
FP8 numbers, and what is between two products is in memory once. See encoder_layer.cu, attention.cu and cublaslt.py.
"""

import ctypes
import functools

from attention_kernel import Kernel, Module, compile_file, compile_kernel, device_capability, launch
from cublaslt import ALIGNMENT, SCALE_BYTES, WORKSPACE_BYTES, Product, library

ROWS = 8
BF16_BYTES = 2
# The products in order.
QKV, ATTENTION_OUT, FFN_IN, FFN_OUT = range(4)
# Of each product in `scales`: what its input is multiplied by, its weights, and what the input was multiplied by to be FP8.
# After those of the four comes what norms add to the variance. Each has SCALE_BYTES.
INPUT, WEIGHT, QUANTIZE = range(3)
# Least that has the products (cublasLt) and the rounding (cvt.e4m3x2).
CAPABILITY = (8, 9)


class EncoderLayer:
    """Kernels and products for one shape of layers, on any GPU of a compute capability."""

    def __init__(self, width, heads, hidden, compute_capability, gelu_in_product=True, fast=True):
        self.width, self.heads, self.hidden = width, heads, hidden
        size = width // heads
        library()
        self.attention = Kernel(compile_kernel(size, False, compute_capability, out8=True), size, False)
        self.between = Module(compile_file("encoder_layer.cu", {"WIDTH": width}, compute_capability))
        self.gelu_in_product = gelu_in_product
        self.products = (
            Product(3 * width, width, fast=fast),
            Product(width, width, residual=True, fast=fast),
            Product(hidden, width, gelu=gelu_in_product, out8=gelu_in_product, fast=fast),
            Product(width, hidden, residual=True, fast=fast),
        )

    def scratch(self, tokens):
        """Sizes of what a layer keeps between its kernels: FP8 inputs of products; queries, keys and values or what the first
        half of the feed-forward layer gives; with GELU in a kernel of its own the FP8 of that; memory of the products."""
        wide = max(3 * self.width * BF16_BYTES, self.hidden * (1 if self.gelu_in_product else BF16_BYTES))
        sizes = [self.width * tokens, wide * tokens, 0 if self.gelu_in_product else self.hidden * tokens, WORKSPACE_BYTES]
        return [-(-size // ALIGNMENT) * ALIGNMENT for size in sizes]

    def workspace_bytes(self, tokens):
        return sum(self.scratch(tokens)) + ALIGNMENT

    def run(self, x, lengths, positions, vectors, scales, weights, out, rows, tokens, workspace, stream):
        """Queues a layer. All are addresses, as encoder_plugin.py has them; `weights` those of the four products."""
        count = rows * tokens
        at = -(-workspace // ALIGNMENT) * ALIGNMENT
        places = []
        for size in self.scratch(count):
            places.append(at)
            at += size
        eight, wide, hidden, memory = places
        width = self.width
        # Weight and bias of both norms, then biases of the products.
        starts = [0]
        for length in (width, width, width, width, 3 * width, width, self.hidden, width):
            starts.append(starts[-1] + BF16_BYTES * length)
        norms, biases = [vectors + start for start in starts[:4]], [vectors + start for start in starts[4:8]]

        def scale(product, which):
            return scales + SCALE_BYTES * (3 * product + which)

        epsilon = scale(len(self.products), INPUT)

        def product(which, source, to, **more):
            self.products[which].run(
                source, weights[which], to, count, biases[which], scale(which, INPUT), memory, stream, **more
            )

        def norm(source, which, into):
            values = [ctypes.c_void_p(a) for a in (source, norms[2 * which], norms[2 * which + 1], scale(into, QUANTIZE), epsilon, eight)]
            values.append(ctypes.c_int(count))
            launch(self.between.function("normQuantize"), (-(-count // ROWS), 1, 1), 32 * ROWS, 0, stream, values)

        norm(x, 0, QKV)
        product(QKV, eight, wide)
        quantize = scale(ATTENTION_OUT, QUANTIZE)
        self.attention.launch([wide, lengths, positions, eight], rows, tokens, self.heads, stream, (quantize,))
        product(ATTENTION_OUT, eight, out, added=x)
        norm(out, 1, FFN_IN)
        if self.gelu_in_product:
            product(FFN_IN, eight, wide, out_scale=scale(FFN_OUT, QUANTIZE))
            hidden = wide
        else:
            product(FFN_IN, eight, wide)
            pieces = count * self.hidden // 16
            values = [ctypes.c_void_p(a) for a in (wide, scale(FFN_OUT, QUANTIZE), hidden)] + [ctypes.c_longlong(pieces)]
            launch(self.between.function("geluQuantize"), (-(-pieces // 256), 1, 1), 256, 0, stream, values)
        product(FFN_OUT, hidden, out, added=out)


@functools.cache
def layer_for(width, heads, hidden, compute_capability):
    """Plugins share it: there is one for each layer."""
    return EncoderLayer(width, heads, hidden, compute_capability)


@functools.cache
def layer_in(context, width, heads, hidden):
    """That of the GPU of a CUDA context, which must be the calling thread's."""
    return layer_for(width, heads, hidden, device_capability())
