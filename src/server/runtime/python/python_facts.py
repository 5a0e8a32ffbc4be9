#!/usr/bin/env python3
"""Says as JSON what a Python has of that which TensorRT plans need: nothing is computed, and no GPU is needed.

{"executable": PATH, "python": "3.11", "numpy": "1.26.4", "tensorrt": "10.6.0", "problem": why TensorRT cannot be imported,
 "runtime": whether the CUDA runtime is there, "compiler": whether NVRTC is, "products": whether cuBLASLt is, "library": version of libnvinfer,
 "module": file of the bindings, "libraryPath": LD_LIBRARY_PATH}; null for what is not there. The first argument is the folder model_repository/python.
"""

import ctypes
import json
import os
import sys

LIBRARIES = ("libnvinfer.so.11", "libnvinfer.so.10", "libnvinfer.so.8")


def library_version():
    """Of the libnvinfer that programs load by its name here. 100600 and 8601 stand for 10.6.0 and 8.6.1."""
    for name in LIBRARIES:
        try:
            number = ctypes.CDLL(name).getInferLibVersion()
        except (OSError, AttributeError):
            continue
        major, rest = divmod(number, 10000 if number >= 100000 else 1000)
        return f"{major}.{rest // 100}.{rest % 100}"
    return None


def version_of(name):
    try:
        return getattr(__import__(name), "__version__", None)
    except Exception:
        return None


def works(load):
    try:
        load()
    except Exception:
        return False
    return True


def executable():
    """The program of this Python, also where it runs inside of another program."""
    for folder in (sys.prefix, sys.base_prefix):
        path = os.path.join(folder, "bin", "python3")
        if os.path.exists(path):
            return path
    return sys.executable or None


def facts(modules):
    found = {
        "executable": executable(),
        "python": "%d.%d" % sys.version_info[:2],
        "library": library_version(),
        "libraryPath": os.environ.get("LD_LIBRARY_PATH", ""),
        "numpy": version_of("numpy"),
        "tensorrt": None,
        "module": None,
        "problem": None,
    }
    # Behind the model's own folder and the packages: what lies there under the same name is what plans will run with.
    sys.path.append(modules)
    import tensorrt_api

    try:
        bindings = tensorrt_api.load_tensorrt()
        found.update(tensorrt=bindings.__version__, module=getattr(bindings, "__file__", None))
    except Exception as error:
        found["problem"] = str(error)
    try:
        import attention_kernel
        import cublaslt
        import cuda_runtime
    except ImportError:  # no numpy
        return {**found, "runtime": False, "compiler": False, "products": False}
    libraries = {"runtime": cuda_runtime.load, "compiler": attention_kernel.nvrtc, "products": cublaslt.library}
    return {**found, **{name: works(load) for name, load in libraries.items()}}


if __name__ == "__main__":
    print(json.dumps(facts(sys.argv[1])))
