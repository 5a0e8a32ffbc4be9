"""Products in FP8 through cuBLASLt, by its C interface alone: no package is needed but the library."""

import ctypes
import functools
import glob
import os
import sys

from attention_kernel import KernelError, current_context

# Numbers of cublasLt.h and library_types.h, version 12 and later.
FP32, BF16, E4M3 = 0, 14, 28
COMPUTE_FP32 = 68
DESCRIPTOR = {
    "TRANSA": 3,
    "EPILOGUE": 7,
    "BIAS_POINTER": 8,
    "A_SCALE_POINTER": 17,
    "B_SCALE_POINTER": 18,
    "D_SCALE_POINTER": 20,
    "FAST_ACCUM": 25,
    "BIAS_DATA_TYPE": 26,
}
EPILOGUE_BIAS, EPILOGUE_GELU_BIAS = 4, 32 | 4
PREFERENCE_WORKSPACE, PREFERENCE_REDUCTION = 1, 3
WORKSPACE_BYTES = 32 << 20
# What cuBLASLt supposes of addresses as it chooses an algorithm, and what products in FP8 need. Numbers that it reads on the GPU
# are so far apart, too: since 12.9 it refuses others.
ALIGNMENT, NEEDED_ALIGNMENT = 256, 16
SCALE_BYTES = NEEDED_ALIGNMENT
# Tokens that algorithms are chosen for: a full wave of an H100's or H200's 132 multiprocessors.
USUAL_TOKENS = 132 * 128


class Algorithm(ctypes.Structure):
    _fields_ = [("data", ctypes.c_uint64 * 8)]


class Heuristic(ctypes.Structure):
    _fields_ = [
        ("algorithm", Algorithm),
        ("workspace", ctypes.c_size_t),
        ("state", ctypes.c_int),
        ("waves", ctypes.c_float),
        ("reserved", ctypes.c_int * 4),
    ]


@functools.cache
def library():
    """cuBLASLt: of one of NVIDIA's Python packages, which is of the version that was asked for, or of the system, which may be
    newer than the driver supports."""
    names = []
    for folder in sys.path:
        names += sorted(glob.glob(os.path.join(folder, "nvidia", "*", "lib", "libcublasLt.so.1[2-9]")), reverse=True)
    for name in [*names, "libcublasLt.so.13", "libcublasLt.so.12"]:
        try:
            found = ctypes.CDLL(name)
        except OSError:
            continue
        found.cublasLtGetVersion.restype = ctypes.c_size_t
        found.cublasLtGetStatusString.restype = ctypes.c_char_p
        return found
    raise KernelError(
        "cuBLASLt 12 or later, which computes the FP8 products of encoder layers, is not there: pip install nvidia-cublas-cu12, "
        "or add the folder of libcublasLt.so to LD_LIBRARY_PATH"
    )


def call(name, *arguments):
    code = getattr(library(), name)(*arguments)
    if code != 0:
        raise KernelError(f"{name} failed: {library().cublasLtGetStatusString(code).decode()}")


class Product:
    """out = epilogue(input weights' + bias) of an FP8 input [tokens,inputs] and FP8 weights [outputs,inputs], in FP32.

    What it is about is in its fields; which numbers it is of, in `run`.
    """

    def __init__(self, outputs, inputs, gelu=False, out8=False, residual=False, fast=True):
        self.outputs, self.inputs = outputs, inputs
        self.gelu, self.out8, self.residual, self.fast = gelu, out8, residual, fast
        self.weights = layout(E4M3, inputs, outputs)
        self.one, self.beta = ctypes.c_float(1), ctypes.c_float(1 if residual else 0)
        self.by_tokens, self.by_addresses = {}, {}
        # Index into what cuBLASLt proposes, best first.
        self.choice = 0

    def layouts(self, tokens):
        """Those of input, what is added, and output, with the algorithm for so many tokens."""
        if tokens not in self.by_tokens:
            source = layout(E4M3, self.inputs, tokens)
            added = layout(BF16, self.outputs, tokens)
            out = layout(E4M3, self.outputs, tokens) if self.out8 else added
            self.by_tokens[tokens] = source, added, out, self.algorithm(tokens, source, added, out)
        return self.by_tokens[tokens]

    def algorithm(self, tokens, *layouts):
        """The one that is best for the usual number of tokens, so that a token's numbers do not depend on how many there are;
        where it does not take so few, the best that does."""
        if tokens != USUAL_TOKENS:
            usual = self.layouts(USUAL_TOKENS)[3]
            result = Heuristic()
            check = library().cublasLtMatmulAlgoCheck
            code = check(handle(), self.describe(), self.weights, *layouts, ctypes.byref(usual), ctypes.byref(result))
            if code == 0 and result.workspace <= WORKSPACE_BYTES:
                return usual
        found = self.proposed(self.choice + 1, *layouts)
        return found[min(self.choice, len(found) - 1)].algorithm

    def proposed(self, count, source, added, out):
        """Algorithms that add each number in one go, best first."""
        preference = ctypes.c_void_p()
        call("cublasLtMatmulPreferenceCreate", ctypes.byref(preference))
        set_attribute("cublasLtMatmulPreferenceSetAttribute", preference, PREFERENCE_WORKSPACE, ctypes.c_uint64(WORKSPACE_BYTES))
        set_attribute("cublasLtMatmulPreferenceSetAttribute", preference, PREFERENCE_REDUCTION, ctypes.c_uint32(0))
        results, found = (Heuristic * count)(), ctypes.c_int()
        arguments = (handle(), self.describe(), self.weights, source, added, out, preference, count, results, ctypes.byref(found))
        call("cublasLtMatmulAlgoGetHeuristic", *arguments)
        call("cublasLtMatmulPreferenceDestroy", preference)
        usable = [result for result in results[: found.value] if result.state == 0]
        if not usable:
            raise KernelError(f"cuBLASLt {library().cublasLtGetVersion()} has no FP8 product of {self.inputs} by {self.outputs} here")
        return usable

    def describe(self, bias=ALIGNMENT, scales=ALIGNMENT, out_scale=ALIGNMENT):
        """A description with these addresses, which are numbers of what never moves. Any will do to choose an algorithm."""
        key = bias, scales, out_scale
        if key not in self.by_addresses:
            made = ctypes.c_void_p()
            call("cublasLtMatmulDescCreate", ctypes.byref(made), COMPUTE_FP32, FP32)
            values = {
                "TRANSA": ctypes.c_int32(1),
                "EPILOGUE": ctypes.c_uint32(EPILOGUE_GELU_BIAS if self.gelu else EPILOGUE_BIAS),
                "BIAS_POINTER": ctypes.c_void_p(bias),
                "BIAS_DATA_TYPE": ctypes.c_int32(BF16),
                "B_SCALE_POINTER": ctypes.c_void_p(scales),
                "A_SCALE_POINTER": ctypes.c_void_p(scales + SCALE_BYTES),
                "FAST_ACCUM": ctypes.c_int8(self.fast),
            }
            if self.out8:
                values["D_SCALE_POINTER"] = ctypes.c_void_p(out_scale)
            for name, value in values.items():
                set_attribute("cublasLtMatmulDescSetAttribute", made, DESCRIPTOR[name], value)
            self.by_addresses[key] = made
        return self.by_addresses[key]

    def run(self, source, weights, out, tokens, bias, scales, workspace, stream, added=None, out_scale=ALIGNMENT):
        """Queues it. All are addresses: `source` and `weights` FP8; `bias` BF16; `scales` two numbers in FP32, SCALE_BYTES apart,
        what input and weights are multiplied by; `out` BF16, or FP8 after it was multiplied by `out_scale`; `added` BF16, with
        `residual`, and may be `out`."""
        if (source | weights | out | bias | scales | out_scale | workspace | (added or 0)) % NEEDED_ALIGNMENT:
            raise KernelError(f"numbers of an FP8 product do not start at a multiple of {NEEDED_ALIGNMENT} bytes")
        source_layout, added_layout, out_layout, algorithm = self.layouts(tokens)
        call(
            "cublasLtMatmul",
            handle(),
            self.describe(bias, scales, out_scale),
            ctypes.byref(self.one),
            ctypes.c_void_p(weights),
            self.weights,
            ctypes.c_void_p(source),
            source_layout,
            ctypes.byref(self.beta),
            ctypes.c_void_p(added),
            added_layout,
            ctypes.c_void_p(out),
            out_layout,
            ctypes.byref(algorithm),
            ctypes.c_void_p(workspace),
            ctypes.c_size_t(WORKSPACE_BYTES),
            ctypes.c_void_p(stream),
        )


def layout(kind, rows, columns):
    made = ctypes.c_void_p()
    size = ctypes.c_uint64
    call("cublasLtMatrixLayoutCreate", ctypes.byref(made), kind, size(rows), size(columns), ctypes.c_int64(rows))
    return made


def set_attribute(function, of, attribute, value):
    call(function, of, attribute, ctypes.byref(value), ctypes.c_size_t(ctypes.sizeof(value)))


def handle():
    """cuBLASLt's in the calling thread's CUDA context."""
    return handle_in(current_context())


@functools.cache
def handle_in(context):
    made = ctypes.c_void_p()
    call("cublasLtCreate", ctypes.byref(made))
    return made
