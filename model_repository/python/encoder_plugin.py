"""A layer of a transformer with its products in FP8 as a plugin of TensorRT: the operator VirnucproEncoderLayer of a graph, and
part of the plans with it. See encoder_layer.py for what it computes, plugins.py for what all of ours have in common.
"""

from attention_kernel import SIZES, KernelError, current_context, device_capability
from encoder_layer import CAPABILITY, layer_for, layer_in

NAME = "VirnucproEncoderLayer"
FIELDS = ("width", "heads", "hidden")
DEFAULTS = {}
# Inputs; after the weights comes the output.
X, LENGTHS, POSITIONS, VECTORS, SCALES = range(5)
WEIGHTS = slice(5, 9)


def check(given):
    capability = device_capability()
    size = given["width"] // given["heads"]
    if size not in SIZES:
        raise KernelError(f"{NAME} takes heads of {', '.join(map(str, SIZES))} numbers, not {size}")
    if tuple(map(int, capability.split("."))) < CAPABILITY:
        raise KernelError(f"products in FP8 need a GPU of compute capability {'.'.join(map(str, CAPABILITY))} or later, not {capability}")
    layer_for(given["width"], given["heads"], given["hidden"], capability)


def types(trt, given, dims):
    """Of inputs and output: BF16 [B,T,width], INT32 [B], FP16 [positions,size] of cos and sin, BF16 vectors and FP32 scales
    (see encoder_layer.py), the weights of four products [outputs,inputs/4], INT32 of four FP8 numbers each."""
    kinds = trt.DataType
    return [kinds.BF16, kinds.INT32, kinds.HALF, kinds.BF16, kinds.FLOAT, *4 * [kinds.INT32], kinds.BF16]


def shape_of(x, positions, weights):
    """Width, heads and numbers inside the feed-forward layer: tensors tell what a call is about."""
    width = x.dims[2]
    return width, width // positions.dims[1], weights[2].dims[0]


def out_shape(trt, inputs, builder):
    return trt.DimsExprs(inputs[X])


def workspace_bytes(given, inputs):
    rows, tokens = inputs[X].max[0], inputs[X].max[1]
    return layer_for(given["width"], given["heads"], given["hidden"], device_capability()).workspace_bytes(rows * tokens)


def enqueue(trt, descriptions, inputs, outputs, workspace, stream):
    rows, tokens = descriptions[X].dims[0], descriptions[X].dims[1]
    layer = layer_in(current_context(), *shape_of(descriptions[X], descriptions[POSITIONS], descriptions[WEIGHTS]))
    layer.run(*inputs[: WEIGHTS.start], inputs[WEIGHTS], outputs[0], rows, tokens, workspace, stream)
