"""The attention kernel as a plugin of TensorRT: the operator VirnucproAttention of a graph, and part of the plans with it.

A plan that has it loads only where `register` was called before. Needs TensorRT's Python bindings (10 or later), numpy and
NVRTC, with which the kernel is compiled for the GPU at hand: a second or two.
"""

import ctypes
import functools

import numpy as np

from attention_kernel import SIZES, Kernel, compile_kernel, current_context, device_capability

NAME, VERSION = "VirnucproAttention", "1"
QKV, LENGTHS, POSITIONS, OUT = range(4)


def register(trt):
    """Makes the operator known to TensorRT: graphs and plans may have it from now on."""
    registry = trt.get_plugin_registry()
    if NAME not in (creator.name for creator in registry.all_creators):
        KEPT.append(make_creator(trt))
        registry.register_creator(KEPT[-1], "")


# TensorRT keeps no reference of its own.
KEPT = []
# Why plugins could not be made. TensorRT says no more than that a plan cannot be loaded.
PROBLEMS = []
FIELDS = ("heads", "size", "alibi", "half")
# Of what is not in all graphs and plans.
DEFAULTS = {"half": 0}
NOTHING = np.array([], np.int32)
# Far more than plugins are ever deleted, and below what Python takes for objects that never go.
MANY = 1 << 20


@functools.cache
def kernel_for(size, alibi, half, compute_capability):
    """Plugins share the code: there is one for each layer."""
    return Kernel(compile_kernel(size, alibi, compute_capability, half), size, alibi)


@functools.cache
def kernel_in(context, size, alibi, half):
    """That of the GPU of a CUDA context, which must be the calling thread's."""
    return kernel_for(size, alibi, half, device_capability())


def keep_forever(plugin):
    """TensorRT owns the C++ side of a plugin. Its bindings (10.6) give up references of Python's object when they delete
    that, and where the last one goes, memory is freed twice. So there are always more than they can give up."""
    ctypes.c_uint32.from_address(id(plugin)).value += MANY


def shape_of(qkv, positions):
    """Heads, numbers of each, and whether positions are slopes: tensors tell what a call is about."""
    numbers = qkv.dims[2] // 3
    if len(positions.dims) == 1:
        return positions.dims[0], numbers // positions.dims[0], True
    return numbers // positions.dims[1], positions.dims[1], False


def make_creator(trt):
    class AttentionPlugin(trt.IPluginV3, trt.IPluginV3OneCore, trt.IPluginV3OneBuild, trt.IPluginV3OneRuntime):
        """qkv BF16 or FP16 [B,T,3*heads*size], lengths INT32 [B] and positions to [B,T,heads*size], see attention.cu.

        What is in it serves for writing a plan alone: once TensorRT has deleted a plugin, its bindings may take this object
        for another plugin that came to lie at the same address.
        """

        def __init__(self, given):
            trt.IPluginV3.__init__(self)
            trt.IPluginV3OneCore.__init__(self)
            trt.IPluginV3OneBuild.__init__(self)
            trt.IPluginV3OneRuntime.__init__(self)
            keep_forever(self)
            self.plugin_namespace, self.plugin_name, self.plugin_version = "", NAME, VERSION
            self.num_outputs = 1
            self.given = given
            # TensorRT keeps pointers to both for as long as there is a plugin.
            self.values = {name: np.array([given[name]], np.int32) for name in FIELDS}
            self.fields = [trt.PluginField(name, self.values[name], trt.PluginFieldType.INT32) for name in FIELDS]
            self.collection = trt.PluginFieldCollection(self.fields)

        def get_capability_interface(self, type):
            return self

        def clone(self):
            return AttentionPlugin(self.given)

        def attach_to_context(self, context):
            return self.clone()

        def get_fields_to_serialize(self):
            return self.collection

        def get_output_data_types(self, input_types):
            return [input_types[QKV]]

        def get_output_shapes(self, inputs, shape_inputs, builder):
            shape = trt.DimsExprs(inputs[QKV])
            shape[2] = builder.operation(trt.DimensionOperation.FLOOR_DIV, shape[2], builder.constant(3))
            return [shape]

        def supports_format_combination(self, pos, in_out, num_inputs):
            here = in_out[pos].desc
            positions = trt.DataType.FLOAT if len(in_out[POSITIONS].desc.dims) == 1 else trt.DataType.HALF
            number = trt.DataType.HALF if self.given["half"] else trt.DataType.BF16
            wanted = {QKV: number, LENGTHS: trt.DataType.INT32, POSITIONS: positions, OUT: number}
            return here.format == trt.TensorFormat.LINEAR and here.type == wanted[pos]

        def configure_plugin(self, inputs, outputs):
            pass

        def on_shape_change(self, inputs, outputs):
            pass

        def set_tactic(self, tactic):
            pass

        def enqueue(self, input_desc, output_desc, inputs, outputs, workspace, stream):
            rows, tokens = input_desc[QKV].dims[0], input_desc[QKV].dims[1]
            heads, size, alibi = shape_of(input_desc[QKV], input_desc[POSITIONS])
            half = input_desc[QKV].type == trt.DataType.HALF
            kernel = kernel_in(current_context(), size, alibi, half)
            kernel.launch([*inputs, outputs[0]], rows, tokens, heads, stream)

    class AttentionCreator(trt.IPluginCreatorV3One):
        def __init__(self):
            trt.IPluginCreatorV3One.__init__(self)
            self.name, self.plugin_namespace, self.plugin_version = NAME, "", VERSION
            self.fields = [trt.PluginField(name, NOTHING, trt.PluginFieldType.INT32) for name in FIELDS]
            self.field_names = trt.PluginFieldCollection(self.fields)

        def create_plugin(self, name, fields, phase):
            given = {**DEFAULTS, **{field.name: int(field.data[0]) for field in fields}}
            size, alibi = given["size"], bool(given["alibi"])
            if size not in SIZES:
                raise ValueError(f"{NAME} takes heads of {', '.join(map(str, SIZES))} numbers, not {size}")
            try:
                # Compiled now rather than in the first batch: what is missing keeps the plan from loading.
                kernel_for(size, alibi, bool(given["half"]), device_capability())
            except Exception as error:
                PROBLEMS.append(str(error))
                raise
            PROBLEMS.clear()
            return AttentionPlugin(given)

    return AttentionCreator()
