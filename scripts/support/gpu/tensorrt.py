"""
The part of TensorRT's bindings that model_repository/python/plan_engine.py calls, for machines without a GPU. A plan is a
JSON object: width, milliseconds of a batch, memory_tokens (more are "out of memory"), profiles as [[min, opt, max], ...].
"""

import ctypes
import json

__version__ = "10.6.0"
LIBRARY = ctypes.CDLL("libcudart.so.12")


class ILogger:
    ERROR, WARNING = 1, 2

    def __init__(self):
        pass


class ExecutionContextAllocationStrategy:
    USER_MANAGED = 2


class Runtime:
    def __init__(self, logger):
        self.logger = logger

    def deserialize_cuda_engine(self, data):
        try:
            return Engine(json.loads(data), self.logger)
        except ValueError:
            self.logger.log(ILogger.ERROR, "the plan cannot be read")
            return None


class Engine:
    device_memory_size_v2 = 64

    def __init__(self, plan, logger):
        self.plan, self.logger = plan, logger
        self.num_optimization_profiles = len(plan["profiles"])

    def get_tensor_shape(self, name):
        return (-1, self.plan["width"])

    def get_tensor_profile_shape(self, name, index):
        return self.plan["profiles"][index]

    def create_execution_context(self, strategy):
        return IExecutionContext(self.plan, self.logger)


class IExecutionContext:
    def __init__(self, plan, logger):
        self.plan, self.logger = plan, logger
        self.shapes, self.addresses = {}, {}

    def set_device_memory(self, address, size):
        self.scratch = address

    def set_optimization_profile_async(self, index, stream):
        self.low, _, self.high = self.plan["profiles"][index]
        return True

    def set_input_shape(self, name, shape):
        self.shapes[name] = shape
        return all(low <= size <= high for low, size, high in zip(self.low, shape, self.high))

    def set_tensor_address(self, name, address):
        self.addresses[name] = address
        return True

    def execute_async_v3(self, stream):
        rows, tokens = self.shapes["input_ids"]
        if rows * tokens > self.plan["memory_tokens"]:
            self.logger.log(ILogger.ERROR, "Cuda Runtime (out of memory)")
            return False
        addresses = [ctypes.c_void_p(self.addresses[name]) for name in ("input_ids", "lengths", "embedding")]
        milliseconds = ctypes.c_double(self.plan["milliseconds"])
        code = LIBRARY.launch(ctypes.c_void_p(stream), *addresses, rows, tokens, self.plan["width"], milliseconds)
        if code != 0:
            self.logger.log(ILogger.ERROR, f"the kernels were not launched: {code}")
        return code == 0
