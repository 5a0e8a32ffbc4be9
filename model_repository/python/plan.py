"""ESM-2 or DNABERT-S: token ids in, mean embeddings out. Runs a TensorRT plan on a GPU, for servers without the TensorRT backend."""

import json
import os
import sys

import numpy as np
import triton_python_backend_utils as pb_utils

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, FOLDER)

from cuda_runtime import Cuda  # noqa: E402
from overlap import Overlap  # noqa: E402
from plan_engine import Plan, plan_for  # noqa: E402
from profiles import ShapeError  # noqa: E402
from token_batch import problem  # noqa: E402

# One batch that is answered, one that is computed and one that waits in the GPU's queue.
SLOTS = 3
# Several times the largest answer.
SPARE_SHARED_MEMORY = 128 << 20
# What finalize() waits for the batches under way.
DRAIN_SECONDS = 20


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
            plan = Plan(plan_for(FOLDER, cuda.compute_capability()), cuda, SLOTS)
        except Exception as error:
            raise pb_utils.TritonModelException(explained(error)) from error
        self.overlap = Overlap(plan.slots)

    def execute(self, requests):
        return [self.respond(request) for request in requests]

    def respond(self, request):
        """
        None when the answer is sent once the batch is done, while the next request is taken in. One bad request must not
        fail those that arrived with it.
        """
        ids = pb_utils.get_input_tensor_by_name(request, "input_ids").as_numpy()
        lengths = pb_utils.get_input_tensor_by_name(request, "lengths").as_numpy()
        wrong = problem(ids, lengths, self.vocabulary, self.minimum_length)
        if wrong is not None:
            return failed(wrong, pb_utils.TritonError.INVALID_ARG)
        answer = Answer(request)
        try:
            batch = self.overlap.start((ids, lengths), ids.size, answer.deliver)
        except ShapeError as error:
            return failed(str(error), pb_utils.TritonError.INVALID_ARG)
        except Exception as error:
            return failed(explained(error), pb_utils.TritonError.INTERNAL)
        if answer.sender is None:
            batch.answered.wait()
        else:
            self.overlap.hold()
        return answer.response

    def finalize(self):
        self.overlap.close(DRAIN_SECONDS)


class Answer:
    """To one request: sent by itself, or left in `response` for execute() where that is not possible."""

    def __init__(self, request):
        self.response = self.sender = None
        if not has_room():
            return
        try:
            self.sender = request.get_response_sender()
        except Exception:
            # Triton before 24.07 has senders for decoupled models only, and older ones have none.
            pass

    def deliver(self, outcome):
        try:
            # Sent at once it is copied at once; left for execute() it must outlive the slot's memory.
            is_left = self.sender is None and isinstance(outcome, np.ndarray)
            response = response_to(outcome.copy() if is_left else outcome)
        except Exception as error:
            response = failed(explained(error), pb_utils.TritonError.INTERNAL)
        if self.sender is None:
            self.response = response
        else:
            # Answer and flag in one: apart, they crash Triton 2.51 when another of its models has asked.
            self.sender.send(response, flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)


def has_room():
    """
    Whether the shared memory that answers go through can still grow. Where it cannot, only what execute() returns reaches
    the client as an error: of an answer that could not be sent it would hear nothing.
    """
    try:
        shared = os.statvfs("/dev/shm")
    except OSError:
        return False
    return shared.f_bavail * shared.f_frsize >= SPARE_SHARED_MEMORY


def response_to(outcome):
    if isinstance(outcome, BaseException):
        return failed(explained(outcome), pb_utils.TritonError.INTERNAL)
    if not np.isfinite(outcome).all():
        return failed("the plan gave NaN or an infinite number", pb_utils.TritonError.INTERNAL)
    return pb_utils.InferenceResponse([pb_utils.Tensor("embedding", outcome)])


def explained(error):
    """An error's own words; clients look for "out of memory" in them and send smaller batches."""
    text = str(error)
    if "out of memory" in text.lower():
        return f"{text}. The GPU is out of memory: serve fewer instances of the models, or plans with a smaller token budget"
    return text


def failed(message, code):
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(message, code))
