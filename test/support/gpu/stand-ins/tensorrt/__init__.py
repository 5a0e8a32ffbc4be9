"""
The part of TensorRT's bindings that this project calls, for machines without a GPU. A plan holds the FP32 graph that was
made from the same weight files as the graph it is built from, and ONNX Runtime computes it: real embeddings come out.
That graph is looked for in the bundles of STANDIN_TWINS, of the home, and beside the bundle of the graph.
"""

import ctypes
import glob
import io
import json
import os
import shutil
import sys
import tempfile
import time
import zipfile

import numpy as np

if "triton_python_backend_utils" not in sys.modules:
    # Outside of a server nobody asks for numbers, but for times, which then need no time.
    os.environ["STANDIN_CLOCK"] = "1"

from . import runtime  # noqa: E402
from .runtime import LIBRARY, ExecutionContextAllocationStrategy, ILogger  # noqa: E402, F401

__version__ = os.environ.get("STANDIN_TENSORRT", "10.6.0")
OPERATORS = ("VirnucproAttention", "VirnucproEncoderLayer")
# First compute capability that has a number format.
FORMATS = {"bf16": 8.0, "fp8": 8.9}
BLACKWELL, KNOWS_BLACKWELL = 10.0, (10, 8)
# How fast a plan seems where no clock runs: milliseconds of any batch, and tokens of one more.
LAUNCH, TOKENS_PER_MILLISECOND = 0.3, 400
# Batches on their way whose function must stay.
KEPT = 64


class NetworkDefinitionCreationFlag:
    STRONGLY_TYPED = 1


class MemoryPoolType:
    WORKSPACE = 0


class ProfilingVerbosity:
    DETAILED = 2


class LayerInformationFormat:
    JSON = 1


class Interface:
    def __init__(self):
        pass


class IProgressMonitor(Interface):
    pass


class IPluginV3(Interface):
    pass


class IPluginV3OneCore(Interface):
    pass


class IPluginV3OneBuild(Interface):
    pass


class IPluginV3OneRuntime(Interface):
    pass


class IPluginCreatorV3One(Interface):
    pass


class PluginFieldType:
    INT32 = 5


class PluginField:
    def __init__(self, name, data, type):
        self.name, self.data, self.type = name, data, type


class PluginFieldCollection(list):
    pass


class PluginRegistry:
    def __init__(self):
        self.all_creators = []

    def register_creator(self, creator, namespace):
        self.all_creators.append(creator)
        return True


REGISTRY = PluginRegistry()


def get_plugin_registry():
    return REGISTRY


def creator_of(operator, logger):
    """None where nobody has registered that operator, and what TensorRT says then."""
    for creator in REGISTRY.all_creators:
        if creator.name == operator:
            return creator
    logger.log(ILogger.ERROR, f"plugin {operator} not found in the plugin registry")
    return None


def home():
    data = os.environ.get("XDG_DATA_HOME") or os.path.join(os.path.expanduser("~"), ".local", "share")
    return os.environ.get("VIRNUCPRO_HOME") or os.path.join(data, "virnucpro")


def manifest_of(folder):
    with open(os.path.join(folder, "manifest.json"), encoding="utf-8") as file:
        return json.load(file)


def sources(model):
    return sorted(file["sha256"] for file in model["source"]["files"])


class Twin:
    """The FP32 graph of the weight files that a graph was made from."""

    def __init__(self, graph):
        self.folder = os.path.dirname(os.path.dirname(os.path.abspath(graph)))
        hosted = os.path.basename(os.path.dirname(graph))
        name = hosted.removesuffix("_recheck")
        manifest = manifest_of(self.folder)
        model = manifest["models"][name]
        self.precision = manifest["precision"] if hosted == name else model["recheck"]["precision"]
        self.attributes = {
            **{key: model[key] for key in ("width", "heads", "hidden")},
            "size": model["width"] // model["heads"],
            "alibi": name == "dnabert_s",
            "half": self.precision == "fp16",
        }
        named = os.environ.get("STANDIN_TWINS", "").split(os.pathsep)
        beside = os.path.dirname(self.folder)
        places = [*named, *glob.glob(f"{glob.escape(home())}/bundles/*"), *glob.glob(f"{glob.escape(beside)}/*")]
        for place in filter(os.path.isdir, places):
            if os.path.exists(os.path.join(place, "manifest.json")) and self.take(place, name, sources(model)):
                return
        raise LookupError(f"no FP32 bundle of the weights of {self.folder} in {', '.join(filter(None, places))}")

    def take(self, place, name, wanted):
        manifest = manifest_of(place)
        model = manifest["models"][name]
        if manifest["precision"] != "fp32" or sources(model) != wanted:
            return False
        self.files = [os.path.join(place, model[key]["path"]) for key in ("graph", "weights")]
        self.width = model["dimension"]
        return True


class Tensor:
    def __init__(self, name, shape):
        self.name, self.shape = name, shape


class Network:
    num_inputs = 2
    twin = None
    operators = ()

    def get_input(self, index):
        return (Tensor("input_ids", (-1, -1)), Tensor("lengths", (-1,)))[index]


class OnnxParser:
    def __init__(self, network, logger):
        self.network, self.logger, self.errors = network, logger, []

    @property
    def num_errors(self):
        return len(self.errors)

    def get_error(self, index):
        return self.errors[index]

    def parse_from_file(self, path):
        with open(path, "rb") as file:
            content = file.read()
        self.network.operators = [operator for operator in OPERATORS if operator.encode() in content]
        creators = {operator: creator_of(operator, self.logger) for operator in self.network.operators}
        for operator, creator in creators.items():
            if creator is None:
                self.errors.append(f"no importer registered for op: {operator}")
                return False
        try:
            self.network.twin = twin = Twin(path)
            for operator, creator in creators.items():
                # Really compiled, for the GPU that is stood in for.
                names = [field.name for field in creator.field_names]
                values = {name: np.array([twin.attributes[name]], np.int32) for name in names}
                fields = [PluginField(name, value, PluginFieldType.INT32) for name, value in values.items()]
                creator.create_plugin(operator, fields, None)
        except (LookupError, OSError, RuntimeError, ValueError) as error:
            self.errors.append(str(error))
        return not self.errors


class Profile:
    def __init__(self):
        self.shapes = {}

    def set_shape(self, name, low, best, high):
        if not all(a <= b <= c for a, b, c in zip(low, best, high)):
            raise ValueError(f"{name}: {low}, {best}, {high} do not ascend")
        self.shapes[name] = (low, best, high)


class TimingCache:
    def __init__(self, stored):
        if stored and stored != self.serialize():
            raise ValueError("a timing cache of another version")

    def serialize(self):
        return f"timing cache of {__version__}".encode()


class BuilderConfig:
    progress_monitor = None

    def __init__(self):
        self.profiles, self.cache = [], None

    def set_memory_pool_limit(self, pool, size):
        pass

    def add_optimization_profile(self, profile):
        self.profiles.append([list(shape) for shape in profile.shapes["input_ids"]])

    def create_timing_cache(self, stored):
        return TimingCache(stored)

    def set_timing_cache(self, cache, ignore_mismatch):
        self.cache = cache
        return True

    def get_timing_cache(self):
        return self.cache


class Builder:
    STEPS = 10

    def __init__(self, logger):
        self.logger = logger

    def create_network(self, flags):
        return Network()

    def create_builder_config(self):
        return BuilderConfig()

    def create_optimization_profile(self):
        return Profile()

    def build_serialized_network(self, network, config):
        precision, here = network.twin.precision, compute_capability()
        if float(here) >= BLACKWELL and tuple(map(int, __version__.split(".")[:2])) < KNOWS_BLACKWELL:
            self.logger.log(ILogger.ERROR, f"Target GPU SM {here.replace('.', '')} is not supported by this TensorRT release.")
            return None
        if float(here) < FORMATS.get(precision, 0):
            self.logger.log(ILogger.ERROR, f"networks can specify {precision} precision only on platforms with support, this is {here}")
            return None
        if not self.take_time(config.progress_monitor):
            return None
        content = {
            "tensorrt": __version__,
            "computeCapability": here,
            "width": network.twin.width,
            "profiles": config.profiles,
            "operators": network.operators,
        }
        plan = io.BytesIO()
        with zipfile.ZipFile(plan, "w") as archive:
            archive.writestr("plan.json", json.dumps(content))
            for path in network.twin.files:
                archive.write(path, os.path.basename(path))
        return plan.getvalue()

    def take_time(self, monitor):
        pause = float(os.environ.get("STANDIN_BUILD_SECONDS", "0.1")) / self.STEPS
        if monitor is not None:
            monitor.phase_start("Building", None, self.STEPS)
        for step in range(self.STEPS):
            time.sleep(pause)
            if monitor is not None and not monitor.step_complete("Building", step):
                return False
        if monitor is not None:
            monitor.phase_finish("Building")
        return True


def compute_capability():
    """Of the calling thread's GPU, or of the first where it has none yet."""
    device, values = ctypes.c_int(), [ctypes.c_int(), ctypes.c_int()]
    LIBRARY.cudaGetDevice(ctypes.byref(device))
    for value, attribute in zip(values, (75, 76)):
        LIBRARY.cudaDeviceGetAttribute(ctypes.byref(value), attribute, max(0, device.value))
    return f"{values[0].value}.{values[1].value}"


def gpu():
    """Name and compute capability of the first visible GPU, for trtexec.py."""
    driver, name = ctypes.CDLL("libcuda.so.1"), ctypes.create_string_buffer(128)
    if driver.cuInit(0) != 0:
        sys.exit("[E] CUDA error 100: no CUDA-capable device is detected")
    driver.cuDeviceGetName(name, 128, 0)
    return name.value.decode(), compute_capability()


class Inspector:
    def __init__(self, plan):
        self.plan = plan

    def get_engine_information(self, format):
        return json.dumps({"Layers": self.plan["operators"] or ["MatMul"]})


class Runtime(runtime.Runtime):
    def deserialize_cuda_engine(self, data):
        try:
            archive = zipfile.ZipFile(io.BytesIO(data))
            plan = json.loads(archive.read("plan.json"))
        except (zipfile.BadZipFile, KeyError, ValueError):
            self.logger.log(ILogger.ERROR, "Serialization assertion magicTagRead == kMAGIC_TAG failed.")
            return None
        for key, here, words in (
            ("tensorrt", __version__, "The engine plan file is not compatible with this version of TensorRT, expecting library version"),
            ("computeCapability", compute_capability(), "The engine plan file is generated on an incompatible device, expecting compute"),
        ):
            if plan[key] != here:
                self.logger.log(ILogger.ERROR, f"{words} {here} got {plan[key]}, please rebuild.")
                return None
        if any(creator_of(operator, self.logger) is None for operator in plan["operators"]):
            return None
        return Engine(plan, self.logger, archive)


class Engine(runtime.Engine):
    def __init__(self, plan, logger, archive):
        super().__init__(plan, logger)
        self.archive, self.session = archive, None
        if "STANDIN_CLOCK" not in os.environ:
            self.session = self.open()

    def open(self):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = options.enable_mem_pattern = False
        folder = tempfile.mkdtemp()
        try:
            self.archive.extractall(folder)
            return onnxruntime.InferenceSession(os.path.join(folder, "model.onnx"), options, ["CPUExecutionProvider"])
        finally:
            shutil.rmtree(folder)

    def create_engine_inspector(self):
        return Inspector(self.plan)

    def create_execution_context(self, strategy):
        return IExecutionContext(self.plan, self.logger, self.session)


FUNCTION = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class IExecutionContext(runtime.IExecutionContext):
    def __init__(self, plan, logger, session):
        super().__init__(plan, logger)
        self.session, self.kept = session, []

    def execute_async_v3(self, stream):
        rows, tokens = self.shapes["input_ids"]
        if self.session is None:
            self.plan.update(memory_tokens=1 << 62, milliseconds=LAUNCH + rows * tokens / TOKENS_PER_MILLISECOND)
            return super().execute_async_v3(stream)
        places = (("input_ids", (rows, tokens), np.int32), ("lengths", (rows,), np.int32))
        ids, lengths = (self.view(name, shape, number) for name, shape, number in places)
        embedding = self.view("embedding", (rows, self.plan["width"]), np.float32)

        def compute(_):
            embedding[:] = np.nan
            (embedding[:],) = self.session.run(["embedding"], {"input_ids": ids, "lengths": lengths})

        function = FUNCTION(compute)
        self.kept = [*self.kept[1 - KEPT :], function]
        code = LIBRARY.cudaLaunchHostFunc(ctypes.c_void_p(stream), function, None)
        if code != 0:
            self.logger.log(ILogger.ERROR, f"the kernels were not launched: {code}")
        return code == 0

    def view(self, name, shape, number):
        size = int(np.prod(shape))
        memory = (ctypes.c_uint8 * (4 * size)).from_address(self.addresses[name])
        return np.frombuffer(memory, number, size).reshape(shape)
