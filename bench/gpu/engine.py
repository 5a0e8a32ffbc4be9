"""Runs TensorRT plans on PyTorch's GPU memory, and times them."""

import json
import os
import re
import statistics
import sys

import torch

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "src", "server", "engines", "python"))
from build_engine import BuildError, build, count_attention, has_operator, know_operators, load_tensorrt  # noqa: E402, F401
from tensorrt_api import make_logger  # noqa: E402

try:
    trt = load_tensorrt()
except BuildError:  # the baselines need none
    trt = None


class Engine:
    def __init__(self, path):
        self.logger = make_logger(trt)
        know_operators(trt)
        self.runtime = trt.Runtime(self.logger)
        with open(path, "rb") as file:
            self.engine = self.runtime.deserialize_cuda_engine(file.read())
        if self.engine is None:
            raise RuntimeError(f"{path} is no plan for this GPU and TensorRT {trt.__version__}")
        self.width = self.engine.get_tensor_shape("embedding")[1]
        self.contexts = {}
        self.stream = torch.cuda.Stream()
        # Outputs and inputs stay alive until the next call replaces them.
        self.bound = None

    def profiles(self):
        """(min, opt, max) of input_ids, for each profile."""
        count = self.engine.num_optimization_profiles
        return [tuple(tuple(s) for s in self.engine.get_tensor_profile_shape("input_ids", i)) for i in range(count)]

    def profile_for(self, shape):
        for index, (low, _, high) in enumerate(self.profiles()):
            if all(a <= b <= c for a, b, c in zip(low, shape, high)):
                return index
        raise ValueError(f"no profile for {shape}: {self.profiles()}")

    def context(self, shape):
        index = self.profile_for(shape)
        if index not in self.contexts:
            context = self.engine.create_execution_context()
            context.set_optimization_profile_async(index, self.stream.cuda_stream)
            self.stream.synchronize()
            self.contexts[index] = context
        return self.contexts[index]

    def bind(self, ids, lengths):
        """Sets shapes and addresses for a batch; returns the context and where the embeddings will be."""
        context = self.context(tuple(ids.shape))
        out = torch.full((ids.shape[0], self.width), float("nan"), device="cuda")
        torch.cuda.synchronize()
        for name, tensor in (("input_ids", ids), ("lengths", lengths), ("embedding", out)):
            if name != "embedding" and not context.set_input_shape(name, tuple(tensor.shape)):
                raise ValueError(f"{name} cannot have shape {tuple(tensor.shape)}")
            context.set_tensor_address(name, tensor.data_ptr())
        self.bound = (ids, lengths, out)
        return context, out

    def __call__(self, ids, lengths):
        context, out = self.bind(ids, lengths)
        if not context.execute_async_v3(self.stream.cuda_stream):
            raise RuntimeError("the plan did not run")
        self.stream.synchronize()
        return out

    def milliseconds(self, ids, lengths, repeats=20, warmup=3):
        """Of each of some runs, back to back as under load."""
        context, out = self.bind(ids, lengths)
        run = context.execute_async_v3
        handle = self.stream.cuda_stream
        for _ in range(warmup):
            run(handle)
        events = [torch.cuda.Event(enable_timing=True) for _ in range(repeats + 1)]
        events[0].record(self.stream)
        for event in events[1:]:
            run(handle)
            event.record(self.stream)
        self.stream.synchronize()
        if not torch.isfinite(out).all():
            raise RuntimeError("the embeddings hold NaN or infinity")
        return [a.elapsed_time(b) for a, b in zip(events, events[1:])]

    def graph_milliseconds(self, ids, lengths, repeats=50):
        """As `milliseconds`, replaying a CUDA graph, which spares small models the launches."""
        context, _ = self.bind(ids, lengths)
        context.execute_async_v3(self.stream.cuda_stream)
        self.stream.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=self.stream):
            context.execute_async_v3(self.stream.cuda_stream)
        events = [torch.cuda.Event(enable_timing=True) for _ in range(repeats + 1)]
        with torch.cuda.stream(self.stream):
            graph.replay()
            events[0].record()
            for event in events[1:]:
                graph.replay()
                event.record()
        self.stream.synchronize()
        return [a.elapsed_time(b) for a, b in zip(events, events[1:])]

    def layers(self):
        inspector = self.engine.create_engine_inspector()
        return json.loads(inspector.get_engine_information(trt.LayerInformationFormat.JSON))["Layers"]

    def fused_attention(self):
        return count_attention(self.layers())

    def layer_milliseconds(self, ids, lengths, repeats=5):
        """Time of each layer of the plan, in order, run one by one: (name, ms)."""

        class Times(trt.IProfiler):
            def __init__(self):
                trt.IProfiler.__init__(self)
                self.of = {}

            def report_layer_time(self, layer_name, ms):
                self.of[layer_name] = self.of.get(layer_name, 0.0) + ms

        context, _ = self.bind(ids, lengths)
        for _ in range(2):
            context.execute_async_v3(self.stream.cuda_stream)
        self.stream.synchronize()
        times = Times()
        context.profiler = times
        for _ in range(repeats):
            context.execute_async_v3(self.stream.cuda_stream)
            self.stream.synchronize()
        del self.contexts[self.profile_for(tuple(ids.shape))]  # a profiler cannot be taken off again
        return [(name, ms / repeats) for name, ms in times.of.items()]


KINDS = (
    ("attention", re.compile(r"mha|fmha|flash|VirnucproAttention", re.I)),
    ("product", re.compile(r"gemm|matmul|mma|xmma|cutlass|nvjet", re.I)),
    ("norm", re.compile(r"norm|_mean|_var|MeaAdd|ResMul", re.I)),
)


def by_kind(times):
    """Milliseconds by kind of kernel, guessed from names."""
    sums = {}
    for name, ms in times:
        kind = next((kind for kind, pattern in KINDS if pattern.search(name)), "other")
        sums[kind] = sums.get(kind, 0.0) + ms
    return {kind: round(ms, 3) for kind, ms in sorted(sums.items(), key=lambda item: -item[1])}


def median_time(run, repeats=10, warmup=3):
    """Median milliseconds of a function that launches work on the current stream."""
    for _ in range(warmup):
        run()
    torch.cuda.synchronize()
    times = []
    for _ in range(repeats):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        run()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end))
    return statistics.median(times)


def gemm_ceiling(size=8192, dtype=torch.bfloat16):
    """TFLOP/s of a large matrix product on random data, by the library: what a plan is held against."""
    a = torch.randn(size, size, device="cuda", dtype=dtype)
    b = torch.randn(size, size, device="cuda", dtype=dtype)
    return 2 * size**3 / median_time(lambda: a @ b, 20, 5) / 1e9


def emit(row):
    """One result as one line of JSON, at once, so that a run cut short still tells what it found."""
    print(json.dumps({k: round(v, 6) if isinstance(v, float) else v for k, v in row.items()}), flush=True)


def table(rows, columns):
    """Results once more, for people."""
    cells = [columns, *[[shown(row.get(column)) for column in columns] for row in rows]]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    for line in cells:
        print("  ".join(text.rjust(width) if i else text.ljust(width) for i, (text, width) in enumerate(zip(line, widths))))
    sys.stdout.flush()


def shown(value):
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.5g}"
    return "" if value is None else str(value)


def pairs(text):
    """'320x51,96x168' as [(320, 51), (96, 168)]"""
    return [tuple(int(n) for n in part.split("x")) for part in text.split(",")]
