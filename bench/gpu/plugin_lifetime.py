#!/usr/bin/env python3
"""Does to plugins of our attention kernel what TensorRT does to them: clones thousands and deletes them, through the
entry points of the C++ objects. Needs TensorRT's bindings and libraries (10.x), and no GPU. For another version of TensorRT.

Where deleting a plugin frees memory twice, the process ends with "malloc_consolidate(): ..." or the like. Otherwise it
prints how many were deleted. Usage: plugin_lifetime.py
"""

import ctypes
import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "model_repository", "python"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "src", "engines", "python"))
import attention_plugin  # noqa: E402
from build_engine import load_tensorrt  # noqa: E402

# Of IPluginV3: two of IVersionedInterface, its two destructors, then its own.
DELETE, CAPABILITY, CLONE = 3, 4, 5
BUILD, RUNTIME = 1, 2
HEADER = object.__basicsize__


def address_of(plugin):
    """The C++ object of the first base class: pybind11 keeps the addresses of all in a table of its own."""
    return ctypes.c_void_p.from_address(ctypes.c_void_p.from_address(id(plugin) + HEADER).value).value


def entry(plugin, index, *arguments):
    table = ctypes.c_void_p.from_address(plugin).value
    function = ctypes.c_void_p.from_address(table + index * ctypes.sizeof(ctypes.c_void_p)).value
    return ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, *(ctypes.c_int for _ in arguments))(function)(plugin, *arguments)


def main():
    trt = load_tensorrt()
    # There is no GPU that a kernel could be compiled for.
    attention_plugin.kernel_for = lambda *_: None
    attention_plugin.device_capability = lambda: ""
    creator = attention_plugin.make_creator(trt)
    values = [np.array([value], np.int32) for value in (40, 64, 0, 0)]
    fields = [trt.PluginField(name, value, trt.PluginFieldType.INT32) for name, value in zip(attention_plugin.FIELDS, values)]
    first = creator.create_plugin("attention", fields, trt.TensorRTPhase.RUNTIME)
    deleted = 0
    # Asked for what they can do, as in a plan that runs, or never, as where a plan has several profiles.
    for asked in ((), (RUNTIME,), (BUILD, RUNTIME)):
        for _ in range(20):
            clones = [entry(address_of(first), CLONE) for _ in range(72)]
            for clone in clones:
                for kind in asked:
                    entry(clone, CAPABILITY, kind)
            for clone in clones:
                entry(clone, DELETE)
            deleted += len(clones)
    # Memory that was freed twice is noticed when it is given out again.
    for size in range(1, 40_000, 7):
        bytearray(size)
    print(f"TensorRT {trt.__version__}: {deleted} plugins made and deleted", flush=True)


if __name__ == "__main__":
    main()
