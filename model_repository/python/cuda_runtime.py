"""The few calls of the CUDA runtime that running a plan takes, through ctypes: no package is needed for them."""

import ctypes

import numpy as np

HOST_TO_DEVICE, DEVICE_TO_HOST = 1, 2
OUT_OF_MEMORY = 2
BLOCKING_SYNC, DISABLE_TIMING = 1, 2
MAJOR, MINOR = 75, 76
NAMES = ("libcudart.so.12", "libcudart.so.13", "libcudart.so.11.0", "libcudart.so")


class CudaError(RuntimeError):
    pass


class Cuda:
    """One GPU, for the thread that makes this and those that call `use`."""

    def __init__(self, device=0):
        self.library = load()
        self.library.cudaGetErrorString.restype = ctypes.c_char_p
        self.device = device
        self.use()

    def __call__(self, name, *arguments):
        code = getattr(self.library, name)(*arguments)
        if code != 0:
            reason = self.library.cudaGetErrorString(code).decode()
            raise CudaError(f"GPU {self.device}: {name} failed: {reason} (CUDA error {code})")

    def use(self):
        """Makes it the GPU of the calling thread."""
        self("cudaSetDevice", ctypes.c_int(self.device))

    def compute_capability(self):
        """Such as `9.0`."""
        values = [ctypes.c_int(), ctypes.c_int()]
        for value, attribute in zip(values, (MAJOR, MINOR)):
            self("cudaDeviceGetAttribute", ctypes.byref(value), ctypes.c_int(attribute), ctypes.c_int(self.device))
        return f"{values[0].value}.{values[1].value}"

    def memory(self):
        """Free bytes and all bytes."""
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        self("cudaMemGetInfo", ctypes.byref(free), ctypes.byref(total))
        return free.value, total.value

    def allocate(self, size):
        """Address of so many bytes on the GPU."""
        pointer = ctypes.c_void_p()
        self("cudaMalloc", ctypes.byref(pointer), ctypes.c_size_t(max(1, size)))
        return pointer.value

    def free(self, address):
        self("cudaFree", ctypes.c_void_p(address))

    def pinned(self, size):
        """Bytes of the host that the GPU copies from and to directly."""
        pointer = ctypes.c_void_p()
        self("cudaMallocHost", ctypes.byref(pointer), ctypes.c_size_t(max(1, size)))
        return np.ctypeslib.as_array(ctypes.cast(pointer, ctypes.POINTER(ctypes.c_uint8)), (max(1, size),))

    def stream(self):
        pointer = ctypes.c_void_p()
        self("cudaStreamCreateWithFlags", ctypes.byref(pointer), ctypes.c_uint(1))
        return pointer.value

    def synchronize(self, stream):
        self("cudaStreamSynchronize", ctypes.c_void_p(stream))

    def copy(self, target, source, size, kind, stream):
        """Queues a copy between two addresses."""
        self(
            "cudaMemcpyAsync",
            ctypes.c_void_p(target),
            ctypes.c_void_p(source),
            ctypes.c_size_t(size),
            ctypes.c_int(kind),
            ctypes.c_void_p(stream),
        )

    def event(self, flags=0):
        pointer = ctypes.c_void_p()
        self("cudaEventCreateWithFlags", ctypes.byref(pointer), ctypes.c_uint(flags))
        return pointer.value

    def record(self, event, stream):
        self("cudaEventRecord", ctypes.c_void_p(event), ctypes.c_void_p(stream))

    def follow(self, stream, event):
        """What is queued in the stream from now on waits for the event, as it was recorded last."""
        self("cudaStreamWaitEvent", ctypes.c_void_p(stream), ctypes.c_void_p(event), ctypes.c_uint(0))

    def wait(self, event):
        """Returns when the event has happened; other threads of this process run meanwhile."""
        self("cudaEventSynchronize", ctypes.c_void_p(event))

    def milliseconds(self, start, end):
        """Between two events that have happened."""
        value = ctypes.c_float()
        self("cudaEventElapsedTime", ctypes.byref(value), ctypes.c_void_p(start), ctypes.c_void_p(end))
        return value.value


def load():
    for name in NAMES:
        try:
            return ctypes.CDLL(name)
        except OSError:
            pass
    raise CudaError(
        f"none of {', '.join(NAMES)} can be loaded: the folder of the CUDA runtime must be among the library paths of the server"
    )
