"""Compiles attention.cu for a GPU and launches it, through the driver and NVRTC alone: no package is needed for them."""

import ctypes
import functools
import glob
import math
import os
import sys

WARPS, CHUNK = 4, 256
# From here on a kernel must ask for its shared memory.
PLAIN_SHARED_BYTES = 48 * 1024
MAX_DYNAMIC_SHARED_BYTES = 8
# Of a compiler's log, in a message: the rest says the same of other lines.
LOG_LINES = 3
# What a block may have at most (CUdevice_attribute).
OPTIONAL_SHARED_BYTES = 97
# Blocks that keep a large GPU busy; with fewer rows the tiles of one are spread over several blocks.
ENOUGH_BLOCKS = 512
HERE = os.path.dirname(os.path.abspath(__file__))


class KernelError(RuntimeError):
    pass


# Numbers of a head that the kernel takes.
SIZES = (16, 32, 64, 128)


def compile_kernel(size, alibi, compute_capability, half=False, out8=False):
    """Machine code of the attention kernel for GPUs of a compute capability such as `9.0`, as bytes."""
    settings = {"SIZE": size, "ROTARY": not alibi, "ALIBI": alibi, "HALF": half, "OUT8": out8}
    return compile_file("attention.cu", settings, compute_capability)


def compile_file(name, settings, compute_capability):
    """Machine code of a file beside this one."""
    library = nvrtc()
    with open(os.path.join(HERE, name), "rb") as file:
        source = file.read()
    program = ctypes.c_void_p()
    check(library, library.nvrtcCreateProgram(ctypes.byref(program), source, name.encode(), 0, None, None))
    options = [
        f"--gpu-architecture=sm_{compute_capability.replace('.', '')}",
        "--std=c++17",
        *(f"-D{setting}={int(value)}" for setting, value in settings.items()),
    ]
    texts = (ctypes.c_char_p * len(options))(*(text.encode() for text in options))
    code = library.nvrtcCompileProgram(program, len(options), texts)
    if code != 0:
        log = fetched(library, program, "nvrtcGetProgramLogSize", "nvrtcGetProgramLog").rstrip(b"\0").decode()
        first = "; ".join(log.splitlines()[:LOG_LINES])
        raise KernelError(f"NVRTC cannot compile {name} for compute capability {compute_capability}: {first}")
    cubin = fetched(library, program, "nvrtcGetCUBINSize", "nvrtcGetCUBIN")
    library.nvrtcDestroyProgram(ctypes.byref(program))
    return cubin


def fetched(library, program, size_of, content_of):
    size = ctypes.c_size_t()
    check(library, getattr(library, size_of)(program, ctypes.byref(size)))
    buffer = ctypes.create_string_buffer(size.value)
    check(library, getattr(library, content_of)(program, buffer))
    return buffer.raw


def check(library, code):
    if code != 0:
        library.nvrtcGetErrorString.restype = ctypes.c_char_p
        raise KernelError(f"NVRTC: {library.nvrtcGetErrorString(code).decode()}")


@functools.cache
def nvrtc():
    """NVIDIA's run-time compiler: of the system, or of one of its Python packages."""
    names = [f"libnvrtc.so{version}" for version in (".13", ".12", ".11.2", "")]
    for folder in sys.path:
        names += sorted(glob.glob(os.path.join(folder, "nvidia", "*", "lib", "libnvrtc.so.*")), reverse=True)
    for name in names:
        try:
            return ctypes.CDLL(name)
        except OSError:
            pass
    raise KernelError(
        "NVRTC, which compiles the attention kernel, is not there: pip install nvidia-cuda-nvrtc-cu12, or add the folder "
        "of libnvrtc.so to LD_LIBRARY_PATH"
    )


@functools.cache
def driver():
    try:
        return ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        raise KernelError(f"no NVIDIA driver: {error}") from None


def call(name, *arguments):
    check_driver(name, getattr(driver(), name)(*arguments))


def check_driver(name, code):
    if code != 0:
        text = ctypes.c_char_p()
        driver().cuGetErrorString(code, ctypes.byref(text))
        raise KernelError(f"{name} failed: {(text.value or b'unknown error').decode()} (CUDA error {code})")


@functools.cache
def asked_often():
    """The driver for calls that end at once: other threads of Python wait meanwhile, instead of taking their turn."""
    return ctypes.PyDLL(driver()._name)


def current_context():
    """Address of the calling thread's CUDA context."""
    context = ctypes.c_void_p()
    check_driver("cuCtxGetCurrent", asked_often().cuCtxGetCurrent(ctypes.byref(context)))
    return context.value


def device_capability():
    """Compute capability of the calling thread's GPU, or of the first where it has none yet."""
    device, values = ctypes.c_int(), [ctypes.c_int(), ctypes.c_int()]
    call("cuInit", 0)
    if current_context() is None:
        call("cuDeviceGet", ctypes.byref(device), 0)
    else:
        call("cuCtxGetDevice", ctypes.byref(device))
    for value, attribute in zip(values, (75, 76)):
        call("cuDeviceGetAttribute", ctypes.byref(value), attribute, device)
    return f"{values[0].value}.{values[1].value}"


class Module:
    """Kernels on every GPU that they are launched on, from their machine code."""

    def __init__(self, cubin):
        self.cubin = cubin
        self.modules, self.functions = {}, {}

    def function(self, name):
        """A kernel in the calling thread's CUDA context."""
        context = current_context()
        if (context, name) not in self.functions:
            if context not in self.modules:
                self.modules[context] = ctypes.c_void_p()
                call("cuModuleLoadData", ctypes.byref(self.modules[context]), self.cubin)
            function = ctypes.c_void_p()
            call("cuModuleGetFunction", ctypes.byref(function), self.modules[context], name.encode())
            self.functions[context, name] = function
        return self.functions[context, name]


def launch(function, grid, threads, shared, stream, values):
    """Queues a kernel; `values` are its arguments as ctypes has them."""
    pointers = (ctypes.c_void_p * len(values))(*(ctypes.addressof(value) for value in values))
    call("cuLaunchKernel", function, *grid, threads, 1, 1, shared, ctypes.c_void_p(stream), pointers, None)


class Kernel:
    """The attention kernel on every GPU that it is launched on, from its machine code."""

    def __init__(self, cubin, size, alibi):
        self.module, self.size, self.alibi = Module(cubin), size, alibi
        self.functions = {}

    def function(self):
        """The kernel in the calling thread's CUDA context, and the shared memory that a block of it may have."""
        context = current_context()
        if context not in self.functions:
            function = self.module.function("attention")
            device, most = ctypes.c_int(), ctypes.c_int()
            call("cuCtxGetDevice", ctypes.byref(device))
            call("cuDeviceGetAttribute", ctypes.byref(most), OPTIONAL_SHARED_BYTES, device)
            if most.value > PLAIN_SHARED_BYTES:
                call("cuFuncSetAttribute", function, MAX_DYNAMIC_SHARED_BYTES, most.value)
            self.functions[context] = function, most.value
        return self.functions[context]

    def launch(self, addresses, rows, tokens, heads, stream, quantize=()):
        """Queues it. `addresses` are those of qkv, lengths, positions and out, `quantize` that of the same name in a tuple, as
        attention.cu has them."""
        function, most = self.function()
        tiles = -(-tokens // 16)
        keys = min(CHUNK, 16 * tiles)
        fits = shared_bytes(16 * tiles, keys, self.size) <= most
        whole = tokens <= CHUNK and rows * heads >= ENOUGH_BLOCKS and fits
        per_block = tiles if whole else WARPS
        values = [
            *(ctypes.c_void_p(address) for address in addresses),
            ctypes.c_int(tokens),
            ctypes.c_int(heads),
            ctypes.c_float(math.log2(math.e)),  # queries are scaled already
            ctypes.c_int(per_block),
            *(ctypes.c_void_p(address) for address in quantize),
        ]
        grid = (-(-tiles // per_block), heads, rows)
        shared = shared_bytes(16 * per_block, keys, self.size)
        if shared > most:
            raise KernelError(
                f"heads of {self.size} numbers in rows of {tokens} tokens take {shared} bytes of shared memory in the attention "
                f"kernel, this GPU has {most}: import the models with standard attention"
            )
        launch(function, grid, 32 * WARPS, shared, stream, values)


def shared_bytes(queries, keys, size):
    """Of so many queries, keys and values."""
    return 2 * size * (queries + 2 * keys)
