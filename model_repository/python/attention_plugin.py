"""The attention kernel as an operator of graphs and plans, VirnucproAttention: see plugins.py, and attention.cu for what it computes."""

import functools

from attention_kernel import SIZES, Kernel, KernelError, compile_kernel, current_context, device_capability

NAME = "VirnucproAttention"
FIELDS = ("heads", "size", "alibi", "half")
# Of what is not in all graphs and plans.
DEFAULTS = {"half": 0}
QKV, LENGTHS, POSITIONS, OUT = range(4)


@functools.cache
def kernel_for(size, alibi, half, compute_capability):
    """Plugins share the code: there is one for each layer."""
    return Kernel(compile_kernel(size, alibi, compute_capability, half), size, alibi)


@functools.cache
def kernel_in(context, size, alibi, half):
    """That of the GPU of a CUDA context, which must be the calling thread's."""
    return kernel_for(size, alibi, half, device_capability())


def shape_of(qkv, positions):
    """Heads, numbers of each, and whether positions are slopes: tensors tell what a call is about."""
    numbers = qkv.dims[2] // 3
    if len(positions.dims) == 1:
        return positions.dims[0], numbers // positions.dims[0], True
    return numbers // positions.dims[1], positions.dims[1], False


def check(given):
    if given["size"] not in SIZES:
        raise KernelError(f"{NAME} takes heads of {', '.join(map(str, SIZES))} numbers, not {given['size']}")
    kernel_for(given["size"], bool(given["alibi"]), bool(given["half"]), device_capability())


def types(trt, given, dims):
    """qkv BF16 or FP16 [B,T,3*heads*size], lengths INT32 [B] and positions to [B,T,heads*size], see attention.cu."""
    number = trt.DataType.HALF if given["half"] else trt.DataType.BF16
    positions = trt.DataType.FLOAT if len(dims[POSITIONS]) == 1 else trt.DataType.HALF
    return {QKV: number, LENGTHS: trt.DataType.INT32, POSITIONS: positions, OUT: number}


def out_shape(trt, inputs, builder):
    shape = trt.DimsExprs(inputs[QKV])
    shape[2] = builder.operation(trt.DimensionOperation.FLOOR_DIV, shape[2], builder.constant(3))
    return shape


def workspace_bytes(given, inputs):
    return 0


def enqueue(trt, descriptions, inputs, outputs, workspace, stream):
    rows, tokens = descriptions[QKV].dims[0], descriptions[QKV].dims[1]
    heads, size, alibi = shape_of(descriptions[QKV], descriptions[POSITIONS])
    half = descriptions[QKV].type == trt.DataType.HALF
    kernel_in(current_context(), size, alibi, half).launch([*inputs, outputs[0]], rows, tokens, heads, stream)
