"""ESM-2 or DNABERT-S: token ids in, mean embeddings out. Runs a TensorRT plan on a GPU, for servers without the TensorRT backend."""

import json
import os
import sys

import numpy as np
import triton_python_backend_utils as pb_utils

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, FOLDER)

from cuda_runtime import Cuda  # noqa: E402
from plan_engine import Plan, plan_for  # noqa: E402
from profiles import ShapeError  # noqa: E402
from token_batch import problem  # noqa: E402


class TritonPythonModel:
    def initialize(self, args):
        config = json.loads(args["model_config"])
        parameters = {key: value["string_value"] for key, value in config["parameters"].items()}
        self.vocabulary = int(parameters["vocabulary"])
        self.minimum_length = int(parameters["minimum_length"])
        if args["model_instance_kind"] != "GPU":
            raise pb_utils.TritonModelException("a TensorRT plan needs a GPU, and the server sees none")
        try:
            cuda = Cuda(int(args["model_instance_device_id"]))
            self.plan = Plan(plan_for(FOLDER, cuda.compute_capability()), cuda)
        except Exception as error:
            raise pb_utils.TritonModelException(explained(error)) from error

    def execute(self, requests):
        return [self.respond(request) for request in requests]

    def respond(self, request):
        """One bad request must not fail those that arrived with it."""
        ids = pb_utils.get_input_tensor_by_name(request, "input_ids").as_numpy()
        lengths = pb_utils.get_input_tensor_by_name(request, "lengths").as_numpy()
        wrong = problem(ids, lengths, self.vocabulary, self.minimum_length)
        if wrong is not None:
            return failed(wrong, pb_utils.TritonError.INVALID_ARG)
        try:
            embedding = self.plan.embed(ids, lengths)
        except ShapeError as error:
            return failed(str(error), pb_utils.TritonError.INVALID_ARG)
        except Exception as error:
            return failed(explained(error), pb_utils.TritonError.INTERNAL)
        if not np.isfinite(embedding).all():
            return failed("the plan gave NaN or an infinite number", pb_utils.TritonError.INTERNAL)
        return pb_utils.InferenceResponse([pb_utils.Tensor("embedding", embedding)])


def explained(error):
    """An error's own words; clients look for "out of memory" in them and send smaller batches."""
    text = str(error)
    if "out of memory" in text.lower():
        return f"{text}. The GPU is out of memory: fewer --instances in repository build, or smaller --tokens in engines build"
    return text


def failed(message, code):
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(message, code))
