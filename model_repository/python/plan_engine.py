"""Runs a TensorRT plan: token ids in, embeddings out. Needs TensorRT's Python bindings and numpy."""

import os

import numpy as np

import cuda_runtime
from plugins import PROBLEMS, register
from profiles import largest, profile_for
from tensorrt_api import load_tensorrt, make_logger


def plan_for(folder, compute_capability):
    """Path of the plan for a kind of GPU."""
    names = sorted(name for name in os.listdir(folder) if name.endswith(".plan"))
    wanted = f"model_sm{compute_capability.replace('.', '')}.plan"
    if wanted in names:
        return os.path.join(folder, wanted)
    raise RuntimeError(
        f"the GPU has compute capability {compute_capability}, and there is no {wanted}, only {', '.join(names)}: "
        "build a plan on this kind of GPU"
    )


class Plan:
    """A plan on one GPU, with memory for some batches of its largest size. Batches are started by one thread."""

    def __init__(self, path, cuda, slots=1):
        self.cuda, self.path = cuda, path
        try:
            self.trt = trt = load_tensorrt()
        except ImportError as error:
            raise RuntimeError(
                f"TensorRT's Python bindings are not installed for the server's Python ({error}): install those of the "
                "version that the plans were built by"
            ) from None
        self.logger = make_logger(trt)
        if hasattr(trt, "IPluginV3"):
            register(trt)
        self.runtime = trt.Runtime(self.logger)
        with open(path, "rb") as file:
            self.engine = self.runtime.deserialize_cuda_engine(file.read())
        if self.engine is None:
            raise RuntimeError(f"TensorRT {trt.__version__} cannot load {path}{self.words()}")
        self.width = self.engine.get_tensor_shape("embedding")[1]
        count = self.engine.num_optimization_profiles
        self.profiles = [
            tuple(tuple(shape) for shape in self.engine.get_tensor_profile_shape("input_ids", i)) for i in range(count)
        ]
        self.stream = cuda.stream()
        # Embeddings are copied to the host while the next batch is computed.
        self.way_back = cuda.stream()
        self.contexts = self.make_contexts(count)
        self.slots = [Slot(self) for _ in range(slots)]

    def make_contexts(self, count):
        """One context for each profile. Only one runs at a time, so that all use the same scratch memory."""
        size = getattr(self.engine, "device_memory_size_v2", None)
        strategies = getattr(self.trt, "ExecutionContextAllocationStrategy", None)
        shared = size is not None and strategies is not None and hasattr(self.trt.IExecutionContext, "set_device_memory")
        scratch = self.cuda.allocate(size) if shared else None
        contexts = []
        for i in range(count):
            context = self.engine.create_execution_context(*([strategies.USER_MANAGED] if shared else []))
            if context is None:
                raise RuntimeError(f"no room on the GPU for batches of {self.path}{self.words()}")
            if shared:
                context.set_device_memory(scratch, size)
            context.set_optimization_profile_async(i, self.stream)
            self.cuda.synchronize(self.stream)
            contexts.append(context)
        return contexts

    def words(self):
        """Last errors of TensorRT and of our operators, as the end of a sentence."""
        errors, self.logger.errors = [*self.logger.errors[-3:], *PROBLEMS[-1:]], []
        PROBLEMS.clear()
        return f": {'; '.join(errors)}" if errors else ""

    def bind(self, slot, rows, tokens):
        """The context for a batch of this shape, with the slot's buffers named. Raises ShapeError."""
        context = self.contexts[profile_for(self.profiles, rows, tokens)]
        for name, shape in (("input_ids", (rows, tokens)), ("lengths", (rows,))):
            if not context.set_input_shape(name, shape):
                raise RuntimeError(f"the plan takes no {name} of {list(shape)}{self.words()}")
        for name, address in slot.device.items():
            if context.set_tensor_address(name, address) is False:
                raise RuntimeError(f"the plan takes no buffer for {name}{self.words()}")
        return context

    def run(self, context, rows, tokens):
        if not context.execute_async_v3(self.stream):
            raise RuntimeError(f"the plan did not run on {rows} rows of {tokens} tokens{self.words()}")

    def milliseconds(self, ids, lengths, repeats, warmup=2):
        """Of each of some runs of one batch, back to back as under load."""
        rows, tokens = ids.shape
        slot = self.slots[0]
        context = self.bind(slot, rows, tokens)
        slot.upload("input_ids", ids)
        slot.upload("lengths", lengths)
        for _ in range(warmup):
            self.run(context, rows, tokens)
        events = [self.cuda.event() for _ in range(repeats + 1)]
        self.cuda.record(events[0], self.stream)
        for event in events[1:]:
            self.run(context, rows, tokens)
            self.cuda.record(event, self.stream)
        self.cuda.synchronize(self.stream)
        return [self.cuda.milliseconds(a, b) for a, b in zip(events, events[1:])]


class Slot:
    """Memory for one batch on its way, on the GPU and of the host; see overlap.py."""

    def __init__(self, plan):
        self.plan, self.cuda = plan, plan.cuda
        rows, tokens = largest(plan.profiles)
        sizes = {"input_ids": 4 * tokens, "lengths": 4 * rows, "embedding": 4 * rows * plan.width}
        self.device = {name: self.cuda.allocate(size) for name, size in sizes.items()}
        self.host = {name: self.cuda.pinned(size) for name, size in sizes.items()}
        self.computed = self.cuda.event(cuda_runtime.DISABLE_TIMING)
        # Who waits for this one sleeps, and leaves the processor to the answers.
        self.copied = self.cuda.event(cuda_runtime.DISABLE_TIMING | cuda_runtime.BLOCKING_SYNC)
        self.rows = 0

    def upload(self, name, array):
        source = np.ascontiguousarray(array, np.int32).reshape(-1).view(np.uint8)
        self.host[name][: source.size] = source
        self.cuda.copy(
            self.device[name],
            self.host[name].ctypes.data,
            source.size,
            cuda_runtime.HOST_TO_DEVICE,
            self.plan.stream,
        )

    def start(self, ids, lengths):
        """Queues INT32 ids [B,T] and lengths [B]. Raises ShapeError before anything is queued."""
        cuda, plan = self.cuda, self.plan
        cuda.use()
        rows, tokens = ids.shape
        context = plan.bind(self, rows, tokens)
        self.upload("input_ids", ids)
        self.upload("lengths", lengths)
        plan.run(context, rows, tokens)
        cuda.record(self.computed, plan.stream)
        cuda.follow(plan.way_back, self.computed)
        cuda.copy(
            self.host["embedding"].ctypes.data,
            self.device["embedding"],
            4 * rows * plan.width,
            cuda_runtime.DEVICE_TO_HOST,
            plan.way_back,
        )
        cuda.record(self.copied, plan.way_back)
        self.rows = rows

    def result(self):
        """FP32 [B,D] once it is there, in the slot's own memory."""
        self.cuda.use()
        self.cuda.wait(self.copied)
        size = 4 * self.rows * self.plan.width
        return self.host["embedding"][:size].view(np.float32).reshape(self.rows, self.plan.width)
