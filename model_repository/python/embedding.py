"""ESM-2 or DNABERT-S: token ids in, mean embeddings out. Runs model.onnx on the CPU with ONNX Runtime."""

import json
import os
import sys

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb_utils

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, FOLDER)

from token_batch import problem  # noqa: E402


def cores():
    """Cores of this process: the affinity mask, cut down by the CPU quota of a container."""
    count = len(os.sched_getaffinity(0))
    try:
        with open("/sys/fs/cgroup/cpu.max") as file:
            quota, period = file.read().split()
        return count if quota == "max" else max(1, min(count, -(-int(quota) // int(period))))
    except (OSError, ValueError):
        return count


class TritonPythonModel:
    def initialize(self, args):
        config = json.loads(args["model_config"])
        parameters = {key: value["string_value"] for key, value in config["parameters"].items()}
        self.vocabulary = int(parameters["vocabulary"])
        self.minimum_length = int(parameters["minimum_length"])
        instances = sum(group["count"] for group in config["instance_group"])

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = min(cores(), int(parameters["threads"]) or max(1, cores() // instances))
        options.inter_op_num_threads = 1
        # Every batch has another shape: an arena would keep growing.
        options.enable_cpu_mem_arena = False
        options.enable_mem_pattern = False
        options.log_severity_level = 3
        graph = os.path.join(FOLDER, "model.onnx")
        self.session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def execute(self, requests):
        return [self.respond(request) for request in requests]

    def respond(self, request):
        """One bad request must not fail those that arrived with it."""
        ids = pb_utils.get_input_tensor_by_name(request, "input_ids").as_numpy()
        lengths = pb_utils.get_input_tensor_by_name(request, "lengths").as_numpy()
        wrong = problem(ids, lengths, self.vocabulary, self.minimum_length)
        if wrong is not None:
            return failed(wrong, pb_utils.TritonError.INVALID_ARG)
        (embedding,) = self.session.run(["embedding"], {"input_ids": ids, "lengths": lengths})
        if not np.isfinite(embedding).all():
            return failed("the graph gave NaN or an infinite number", pb_utils.TritonError.INTERNAL)
        return pb_utils.InferenceResponse([pb_utils.Tensor("embedding", embedding)])


def failed(message, code):
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(message, code))
