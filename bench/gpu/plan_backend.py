"""A model of Triton's Python backend that runs a TensorRT plan: for servers without the TensorRT backend.

Parameter `plan`: path of the plan. Needs TensorRT's bindings and numpy < 2, nothing else: memory is taken from the
CUDA runtime through ctypes.
"""

import ctypes
import json

import numpy as np
import triton_python_backend_utils as pb

try:
    import tensorrt as trt
except ImportError:
    import tensorrt_bindings as trt

HOST_TO_DEVICE, DEVICE_TO_HOST = 1, 2


class Cuda:
    def __init__(self):
        self.library = ctypes.CDLL("libcudart.so.12")

    def __call__(self, name, *arguments):
        code = getattr(self.library, name)(*arguments)
        if code != 0:
            raise RuntimeError(f"{name} failed with CUDA error {code}")

    def allocate(self, size):
        pointer = ctypes.c_void_p()
        self("cudaMalloc", ctypes.byref(pointer), ctypes.c_size_t(size))
        return pointer

    def pinned(self, size):
        pointer = ctypes.c_void_p()
        self("cudaMallocHost", ctypes.byref(pointer), ctypes.c_size_t(size))
        return np.ctypeslib.as_array(ctypes.cast(pointer, ctypes.POINTER(ctypes.c_uint8)), (size,))


class TritonPythonModel:
    def initialize(self, args):
        self.cuda = Cuda()
        path = json.loads(args["model_config"])["parameters"]["plan"]["string_value"]
        self.logger = trt.Logger(trt.Logger.WARNING)
        self.runtime = trt.Runtime(self.logger)
        with open(path, "rb") as file:
            self.engine = self.runtime.deserialize_cuda_engine(file.read())
        stream = ctypes.c_void_p()
        self.cuda("cudaStreamCreate", ctypes.byref(stream))
        self.stream = stream
        self.width = self.engine.get_tensor_shape("embedding")[1]
        count = self.engine.num_optimization_profiles
        self.profiles = [self.engine.get_tensor_profile_shape("input_ids", i) for i in range(count)]
        self.contexts = []
        for i in range(count):
            context = self.engine.create_execution_context()
            context.set_optimization_profile_async(i, stream.value)
            self.cuda("cudaStreamSynchronize", stream)
            self.contexts.append(context)
        tokens = max(high[0] * high[1] for _, _, high in self.profiles)
        rows = max(high[0] for _, _, high in self.profiles)
        self.sizes = {"input_ids": 4 * tokens, "lengths": 4 * rows, "embedding": 4 * rows * self.width}
        self.device = {name: self.cuda.allocate(size) for name, size in self.sizes.items()}
        self.host = {name: self.cuda.pinned(size) for name, size in self.sizes.items()}

    def execute(self, requests):
        return [self.answer(request) for request in requests]

    def answer(self, request):
        try:
            ids = pb.get_input_tensor_by_name(request, "input_ids").as_numpy()
            lengths = pb.get_input_tensor_by_name(request, "lengths").as_numpy()
            out = pb.Tensor("embedding", self.embed(ids, lengths))
            return pb.InferenceResponse(output_tensors=[out])
        except Exception as error:
            return pb.InferenceResponse(output_tensors=[], error=pb.TritonError(str(error)))

    def embed(self, ids, lengths):
        context = self.context_for(ids.shape)
        for name, array in (("input_ids", ids), ("lengths", lengths)):
            source = np.ascontiguousarray(array, np.int32).reshape(-1).view(np.uint8)
            self.host[name][: source.size] = source
            self.copy(self.device[name].value, self.host[name].ctypes.data, source.size, HOST_TO_DEVICE)
            context.set_input_shape(name, tuple(array.shape))
            context.set_tensor_address(name, self.device[name].value)
        context.set_tensor_address("embedding", self.device["embedding"].value)
        if not context.execute_async_v3(self.stream.value):
            raise RuntimeError(f"the plan did not run on a batch of {tuple(ids.shape)}")
        size = 4 * ids.shape[0] * self.width
        self.copy(self.host["embedding"].ctypes.data, self.device["embedding"].value, size, DEVICE_TO_HOST)
        self.cuda("cudaStreamSynchronize", self.stream)
        return self.host["embedding"][:size].view(np.float32).reshape(ids.shape[0], self.width).copy()

    def copy(self, to, origin, size, kind):
        self.cuda("cudaMemcpyAsync", ctypes.c_void_p(to), ctypes.c_void_p(origin), ctypes.c_size_t(size), kind, self.stream)

    def context_for(self, shape):
        for context, (low, _, high) in zip(self.contexts, self.profiles):
            if all(a <= b <= c for a, b, c in zip(low, shape, high)):
                return context
        raise ValueError(f"no profile takes a batch of {tuple(shape)}")
