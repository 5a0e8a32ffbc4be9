"""Our operators as plugins of TensorRT. Graphs may use them; a plan that does loads only after `register` was called.

Needs TensorRT's Python bindings (10 or later), numpy and NVRTC, which compiles the kernels for this machine's GPU in a second or
two. Each operator is a module of its own, with its name, the whole numbers that its nodes are given, and

check(given)                   compiles what a node needs; raises KernelError where this machine cannot compute it
types(trt, given, dims)        of inputs and output, `dims` being their dimensions
out_shape(trt, inputs, builder)
workspace_bytes(given, inputs) of the largest batch
enqueue(trt, descriptions, inputs, outputs, workspace, stream)
"""

import ctypes

import numpy as np

import attention_plugin
import encoder_plugin

OPERATORS = (attention_plugin, encoder_plugin)
VERSION = "1"


def register(trt):
    """Makes the operators known to TensorRT: graphs and plans may have them from now on."""
    registry = trt.get_plugin_registry()
    known = {creator.name for creator in registry.all_creators}
    for operator in OPERATORS:
        if operator.NAME not in known:
            KEPT.append(make_creator(trt, operator))
            registry.register_creator(KEPT[-1], "")


# TensorRT keeps no reference of its own.
KEPT = []
# Why plugins could not be made, or did not run. TensorRT says no more than that a plan cannot be loaded, or has failed.
PROBLEMS = []
NOTHING = np.array([], np.int32)
# Far more than plugins are ever deleted, and below what Python takes for objects that never go.
MANY = 1 << 20


def keep_forever(plugin):
    """TensorRT owns the C++ side of a plugin. Its bindings (10.6) give up references of Python's object when they delete
    that, and where the last one goes, memory is freed twice. So there are always more than they can give up."""
    ctypes.c_uint32.from_address(id(plugin)).value += MANY


def make_creator(trt, operator):
    class Plugin(trt.IPluginV3, trt.IPluginV3OneCore, trt.IPluginV3OneBuild, trt.IPluginV3OneRuntime):
        """What is in it serves for writing a plan alone: once TensorRT has deleted a plugin, its bindings may take this object
        for another plugin that came to lie at the same address.
        """

        def __init__(self, given):
            trt.IPluginV3.__init__(self)
            trt.IPluginV3OneCore.__init__(self)
            trt.IPluginV3OneBuild.__init__(self)
            trt.IPluginV3OneRuntime.__init__(self)
            keep_forever(self)
            self.plugin_namespace, self.plugin_name, self.plugin_version = "", operator.NAME, VERSION
            self.num_outputs = 1
            self.given = given
            # TensorRT keeps pointers to both for as long as there is a plugin.
            self.values = {name: np.array([given[name]], np.int32) for name in operator.FIELDS}
            self.fields = [trt.PluginField(name, self.values[name], trt.PluginFieldType.INT32) for name in operator.FIELDS]
            self.collection = trt.PluginFieldCollection(self.fields)

        def get_capability_interface(self, type):
            return self

        def clone(self):
            return Plugin(self.given)

        def attach_to_context(self, context):
            return self.clone()

        def get_fields_to_serialize(self):
            return self.collection

        def get_output_data_types(self, input_types):
            return [input_types[0]]

        def get_output_shapes(self, inputs, shape_inputs, builder):
            return [operator.out_shape(trt, inputs, builder)]

        def supports_format_combination(self, pos, in_out, num_inputs):
            here = in_out[pos].desc
            wanted = operator.types(trt, self.given, [each.desc.dims for each in in_out])
            return here.format == trt.TensorFormat.LINEAR and here.type == wanted[pos]

        def configure_plugin(self, inputs, outputs):
            pass

        def get_workspace_size(self, inputs, outputs):
            return operator.workspace_bytes(self.given, inputs)

        def on_shape_change(self, inputs, outputs):
            pass

        def set_tactic(self, tactic):
            pass

        def enqueue(self, input_desc, output_desc, inputs, outputs, workspace, stream):
            try:
                operator.enqueue(trt, input_desc, inputs, outputs, workspace, stream)
            except Exception as error:
                PROBLEMS.append(str(error))
                raise

    class Creator(trt.IPluginCreatorV3One):
        def __init__(self):
            trt.IPluginCreatorV3One.__init__(self)
            self.name, self.plugin_namespace, self.plugin_version = operator.NAME, "", VERSION
            self.fields = [trt.PluginField(name, NOTHING, trt.PluginFieldType.INT32) for name in operator.FIELDS]
            self.field_names = trt.PluginFieldCollection(self.fields)

        def create_plugin(self, name, fields, phase):
            given = {**operator.DEFAULTS, **{field.name: int(field.data[0]) for field in fields}}
            try:
                # Compiled now rather than in the first batch: what is missing keeps the plan from loading.
                operator.check(given)
            except Exception as error:
                PROBLEMS.append(str(error))
                raise
            PROBLEMS.clear()
            return Plugin(given)

    return Creator()
