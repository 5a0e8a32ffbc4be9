"""
Hosts plan.py, which lies beside it, where the server knows of no GPU. With the parameter `senders` at "no" it gets requests
as Triton before 24.07 hands them out: without response senders.
"""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import plan  # noqa: E402


class TritonPythonModel(plan.TritonPythonModel):
    def initialize(self, args):
        parameters = json.loads(args["model_config"])["parameters"]
        self.senders = parameters["senders"]["string_value"] != "no"
        super().initialize({**args, "model_instance_kind": "GPU", "model_instance_device_id": "1"})

    def execute(self, requests):
        return super().execute(requests if self.senders else [OldRequest(request) for request in requests])


class OldRequest:
    def __init__(self, request):
        self.inputs = request.inputs
