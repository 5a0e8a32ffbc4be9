"""The attention kernel as a plugin of TensorRT: the operator VirnucproAttention of a graph, and part of the plans with it.

A plan that has it loads only where `register` was called before. Needs TensorRT's Python bindings (10 or later), numpy and
NVRTC, with which the kernel is compiled for the GPU at hand: a second or two.
"""

import functools

import numpy as np

from attention_kernel import SIZES, Kernel, compile_kernel, device_capability

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
FIELDS = ("heads", "size", "alibi")
NOTHING = np.array([], np.int32)


@functools.cache
def kernel_for(size, alibi, compute_capability):
    """Plugins share the code: there is one for each layer."""
    return Kernel(compile_kernel(size, alibi, compute_capability), size, alibi)


def make_creator(trt):
    class AttentionPlugin(trt.IPluginV3, trt.IPluginV3OneCore, trt.IPluginV3OneBuild, trt.IPluginV3OneRuntime):
        """qkv BF16 [B,T,3*heads*size], lengths INT32 [B] and positions to BF16 [B,T,heads*size], see attention.cu."""

        def __init__(self, heads, size, alibi, kernel):
            trt.IPluginV3.__init__(self)
            trt.IPluginV3OneCore.__init__(self)
            trt.IPluginV3OneBuild.__init__(self)
            trt.IPluginV3OneRuntime.__init__(self)
            self.plugin_namespace, self.plugin_name, self.plugin_version = "", NAME, VERSION
            self.num_outputs = 1
            self.heads, self.size, self.alibi, self.kernel = heads, size, alibi, kernel
            # TensorRT keeps pointers to both for as long as there is a plugin.
            self.values = {name: np.array([getattr(self, name)], np.int32) for name in FIELDS}
            self.fields = [trt.PluginField(name, self.values[name], trt.PluginFieldType.INT32) for name in FIELDS]
            self.collection = trt.PluginFieldCollection(self.fields)

        def get_capability_interface(self, type):
            return self

        def clone(self):
            copy = AttentionPlugin(self.heads, self.size, self.alibi, self.kernel)
            copy.plugin_namespace = self.plugin_namespace
            return copy

        def attach_to_context(self, context):
            return self.clone()

        def get_fields_to_serialize(self):
            return self.collection

        def get_output_data_types(self, input_types):
            return [input_types[QKV]]

        def get_output_shapes(self, inputs, shape_inputs, builder):
            shape = trt.DimsExprs(inputs[QKV])
            shape[2] = builder.constant(self.heads * self.size)
            return [shape]

        def supports_format_combination(self, pos, in_out, num_inputs):
            here = in_out[pos].desc
            positions = trt.DataType.FLOAT if self.alibi else trt.DataType.HALF
            wanted = {QKV: trt.DataType.BF16, LENGTHS: trt.DataType.INT32, POSITIONS: positions, OUT: trt.DataType.BF16}
            return here.format == trt.TensorFormat.LINEAR and here.type == wanted[pos]

        def configure_plugin(self, inputs, outputs):
            pass

        def on_shape_change(self, inputs, outputs):
            pass

        def set_tactic(self, tactic):
            pass

        def enqueue(self, input_desc, output_desc, inputs, outputs, workspace, stream):
            rows, tokens = input_desc[QKV].dims[0], input_desc[QKV].dims[1]
            self.kernel.launch([*inputs, outputs[0]], rows, tokens, self.heads, stream)

    class AttentionCreator(trt.IPluginCreatorV3One):
        def __init__(self):
            trt.IPluginCreatorV3One.__init__(self)
            self.name, self.plugin_namespace, self.plugin_version = NAME, "", VERSION
            self.fields = [trt.PluginField(name, NOTHING, trt.PluginFieldType.INT32) for name in FIELDS]
            self.field_names = trt.PluginFieldCollection(self.fields)

        def create_plugin(self, name, fields, phase):
            given = {field.name: int(field.data[0]) for field in fields}
            heads, size, alibi = (given[key] for key in FIELDS)
            if size not in SIZES:
                raise ValueError(f"{NAME} takes heads of {', '.join(map(str, SIZES))} numbers, not {size}")
            try:
                kernel = kernel_for(size, bool(alibi), device_capability())
            except Exception as error:
                PROBLEMS.append(str(error))
                raise
            PROBLEMS.clear()
            return AttentionPlugin(heads, size, alibi, kernel)

    return AttentionCreator()
