#!/usr/bin/env python3
"""Builds a strongly typed TensorRT plan from an ONNX graph, for the GPU of this machine.

Reads a request as JSON from standard input and writes events as JSON lines to standard output; messages of TensorRT
go to standard error. `virnucpro engines build` calls it; it needs TensorRT's Python bindings and nothing else.

Request: {"onnx": FILE, "plan": FILE, "profiles": [{"min": [B,T], "opt": [B,T], "max": [B,T]}, ...],
          "optimizationLevel": 3, "workspaceBytes": N, "timingCache": FILE, "layers": FILE}; the last four are optional.
Events:  {"event": "gpu", "name", "computeCapability", "memoryBytes", "multiprocessors", "tensorrt"}
         {"event": "phase", "phase": "parse" | "build" | "write", "seconds"}
         {"event": "progress", "step", "done", "of"}
         {"event": "done", "seconds", "bytes", "sha256", "layers", "fusedAttention"}
         {"event": "error", "kind": "no-tensorrt" | "no-plugin" | "no-gpu" | "parse" | "build", "message"}
With --probe only the event `gpu` is written. Exit code 1 after an error.
"""

import ctypes
import hashlib
import json
import os
import re
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "..", "..", "model_repository", "python"))

import tensorrt_api  # noqa: E402


class BuildError(Exception):
    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


def load_tensorrt():
    try:
        return tensorrt_api.load_tensorrt()
    except ImportError as error:
        raise BuildError("no-tensorrt", str(error))


def gpu_of_this_process(device=0):
    """Name, compute capability, memory and multiprocessors of a visible GPU, asked of the driver, so that no other package is needed."""
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        raise BuildError("no-gpu", f"no NVIDIA driver: {error}")
    handle, name, memory = ctypes.c_int(), ctypes.create_string_buffer(128), ctypes.c_size_t()
    major, minor, multiprocessors = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    steps = (
        ("cuInit", (0,)),
        ("cuDeviceGet", (ctypes.byref(handle), device)),
        ("cuDeviceGetName", (name, 128, handle)),
        ("cuDeviceGetAttribute", (ctypes.byref(major), 75, handle)),
        ("cuDeviceGetAttribute", (ctypes.byref(minor), 76, handle)),
        ("cuDeviceGetAttribute", (ctypes.byref(multiprocessors), 16, handle)),
        ("cuDeviceTotalMem_v2", (ctypes.byref(memory), handle)),
    )
    for function, arguments in steps:
        code = getattr(cuda, function)(*(handle if a is handle else a for a in arguments))
        if code != 0:
            raise BuildError("no-gpu", f"{function} failed with CUDA error {code}: no GPU is visible to this process")
    return {
        "name": name.value.decode(),
        "computeCapability": f"{major.value}.{minor.value}",
        "memoryBytes": memory.value,
        "multiprocessors": multiprocessors.value,
    }


def make_monitor(trt, emit):
    """Tells how far the build is; None where this TensorRT cannot."""
    if not hasattr(trt, "IProgressMonitor"):
        return None

    class Monitor(trt.IProgressMonitor):
        def __init__(self):
            trt.IProgressMonitor.__init__(self)
            self.steps = {}
            self.last = 0.0

        def phase_start(self, phase_name, parent_phase, num_steps):
            self.steps[phase_name] = num_steps

        def step_complete(self, phase_name, step):
            if time.time() - self.last > 1:
                self.last = time.time()
                emit({"event": "progress", "step": phase_name, "done": step + 1, "of": self.steps.get(phase_name, 0)})
            return True

        def phase_finish(self, phase_name):
            self.steps.pop(phase_name, None)

    return Monitor()


def know_operators(trt):
    """Makes the operators of our kernels known to TensorRT: graphs and plans may have them."""
    try:
        from plugins import register
    except ImportError as error:
        raise BuildError("no-plugin", f"fused attention needs numpy in the Python that has TensorRT: {error}")
    if not hasattr(trt, "IPluginV3"):
        raise BuildError("no-plugin", f"fused attention needs TensorRT 10 or later, this is {trt.__version__}")
    register(trt)


def check_libraries(path):
    """What compiles the kernels of a graph and multiplies in FP8 is asked for before TensorRT, which would not pass on its absence."""
    from attention_kernel import KernelError, nvrtc
    from cublaslt import library

    try:
        nvrtc()
        if has_operator(path, "VirnucproEncoderLayer"):
            library()
    except KernelError as error:
        raise BuildError("no-plugin", str(error))


def has_operator(path, name="Virnucpro"):
    """Whether a graph has an operator of ours. Weights are in a file of their own, so that this one is short."""
    with open(path, "rb") as file:
        return name.encode() in file.read()


def parse(trt, builder, path, logger):
    """The network of an ONNX file; its weights are found beside it."""
    flags = trt.NetworkDefinitionCreationFlag
    # Since TensorRT 11 every network is strongly typed, and the flag may be gone.
    strong = 1 << int(flags.STRONGLY_TYPED) if hasattr(flags, "STRONGLY_TYPED") else 0
    network = builder.create_network(strong)
    parser = trt.OnnxParser(network, logger)
    if not parser.parse_from_file(path):
        problems = [str(parser.get_error(i)) for i in range(parser.num_errors)]
        raise BuildError("parse", f"TensorRT {trt.__version__} cannot read {path}: " + "; ".join(problems))
    return network, parser


def configure(trt, builder, network, request):
    config = builder.create_builder_config()
    if request.get("optimizationLevel") is not None:
        config.builder_optimization_level = request["optimizationLevel"]
    if request.get("workspaceBytes"):
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, request["workspaceBytes"])
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    for shapes in request["profiles"]:
        profile = builder.create_optimization_profile()
        low, best, high = (tuple(shapes[key]) for key in ("min", "opt", "max"))
        for i in range(network.num_inputs):
            tensor = network.get_input(i)
            cut = len(tensor.shape)
            profile.set_shape(tensor.name, low[:cut], best[:cut], high[:cut])
        config.add_optimization_profile(profile)
    return config


def attach_timing_cache(trt, config, path):
    stored = b""
    if path and os.path.exists(path):
        with open(path, "rb") as file:
            stored = file.read()
    try:
        cache = config.create_timing_cache(stored)
    except Exception:  # one of another version: begin with an empty one
        cache = config.create_timing_cache(b"")
    if cache is not None and not config.set_timing_cache(cache, False):
        config.set_timing_cache(config.create_timing_cache(b""), False)


def save_timing_cache(config, path):
    """Kept for the next build of the same shapes, which then takes a fraction of the time."""
    cache = config.get_timing_cache()
    if path and cache is not None:
        write_whole(path, cache.serialize())


def write_whole(path, content):
    """Returns the size and SHA-256 of what it wrote."""
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    temporary = f"{path}.part"
    view = memoryview(content).cast("B")
    digest = hashlib.sha256()
    with open(temporary, "wb") as file:
        for start in range(0, len(view), 1 << 26):
            piece = view[start : start + (1 << 26)]
            file.write(piece)
            digest.update(piece)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    return len(view), digest.hexdigest()


def layer_names(trt, logger, plan):
    """Layers of a plan as TensorRT describes them."""
    engine = trt.Runtime(logger).deserialize_cuda_engine(plan)
    inspector = engine.create_engine_inspector()
    return json.loads(inspector.get_engine_information(trt.LayerInformationFormat.JSON))["Layers"]


FUSED_ATTENTION = re.compile(r"mha|fmha|flash|attention_kernel|Virnucpro", re.IGNORECASE)


def count_attention(layers):
    """By the names of layers and kernels: what a layer takes in may be named after attention too."""
    names = [layer if isinstance(layer, str) else f"{layer.get('Name', '')} {layer.get('TacticName', '')}" for layer in layers]
    return sum(1 for name in names if FUSED_ATTENTION.search(name))


def build(request, emit=lambda event: None, verbose=False):
    """Builds the plan of a request, writes it, and returns the event `done`."""
    trt = load_tensorrt()
    gpu = gpu_of_this_process()
    emit({"event": "gpu", **gpu, "tensorrt": trt.__version__})
    begin = time.time()
    logger = tensorrt_api.make_logger(trt, sys.stderr, verbose)
    builder = trt.Builder(logger)
    emit({"event": "phase", "phase": "parse", "seconds": 0})
    if has_operator(request["onnx"]):
        know_operators(trt)
        check_libraries(request["onnx"])
    network, parser = parse(trt, builder, request["onnx"], logger)
    config = configure(trt, builder, network, request)
    attach_timing_cache(trt, config, request.get("timingCache"))
    monitor = make_monitor(trt, emit)
    if monitor is not None:
        config.progress_monitor = monitor
    emit({"event": "phase", "phase": "build", "seconds": time.time() - begin})
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        reason = "; ".join(logger.errors[-3:]) or "no reason given"
        raise BuildError("build", f"TensorRT {trt.__version__} built no plan from {request['onnx']}: {reason}")
    emit({"event": "phase", "phase": "write", "seconds": time.time() - begin})
    size, sha256 = write_whole(request["plan"], plan)
    save_timing_cache(config, request.get("timingCache"))
    layers = attention = None
    if request.get("layers"):
        found = layer_names(trt, logger, plan)
        write_whole(request["layers"], json.dumps(found).encode())
        layers, attention = len(found), count_attention(found)
    done = {"event": "done", "seconds": time.time() - begin, "bytes": size, "sha256": sha256}
    done.update(layers=layers, fusedAttention=attention)
    emit(done)
    return {**gpu, "tensorrt": trt.__version__, **done}


def serve_events(work):
    """Answers --probe, or has `work(request, emit)` do what standard input asks for; events go to standard output."""
    # TensorRT's own C++ code may print to standard output, which must carry nothing but events.
    events = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def emit(event):
        print(json.dumps(event), file=events, flush=True)

    try:
        if "--probe" in sys.argv:
            emit({"event": "gpu", **gpu_of_this_process(), "tensorrt": load_tensorrt().__version__})
            return
        work(json.load(sys.stdin), emit)
    except BuildError as error:
        emit({"event": "error", "kind": error.kind, "message": str(error)})
        sys.exit(1)


if __name__ == "__main__":
    serve_events(lambda request, emit: build(request, emit, verbose="--verbose" in sys.argv))
