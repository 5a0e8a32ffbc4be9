"""
Hosts plan.py, which lies beside it, on one of the GPUs that are stood in for: the server knows of none, and the name of the
instance says which.
"""

import json
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import plan  # noqa: E402

# What the configurations for the TensorRT backend leave out.
ANY_BATCH = {"vocabulary": "2147483647", "minimum_length": "1"}


class TritonPythonModel(plan.TritonPythonModel):
    def initialize(self, args):
        config = json.loads(args["model_config"])
        defaults = {key: {"string_value": value} for key, value in ANY_BATCH.items()}
        config["parameters"] = {**defaults, **config["parameters"]}
        device = re.search(r"gpu(\d+)", args["model_instance_name"]).group(1)
        here = {"model_config": json.dumps(config), "model_instance_kind": "GPU", "model_instance_device_id": device}
        super().initialize({**args, **here})
