"""Stands in for a model of a known speed: sleeps a fixed time for each request and answers with a fixed number."""

import json
import time

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def initialize(self, args):
        parameters = json.loads(args["model_config"])["parameters"]
        self.seconds = float(parameters["sleep_ms"]["string_value"]) / 1000
        self.dimension = int(parameters["dimension"]["string_value"])
        self.mark = float(parameters["mark"]["string_value"])
        log = parameters["log"]["string_value"]
        self.log = open(log, "a", buffering=1) if log else None

    def execute(self, requests):
        responses = []
        for request in requests:
            rows = pb_utils.get_input_tensor_by_name(request, "lengths").shape()[0]
            if self.seconds > 0:
                time.sleep(self.seconds)
            embedding = np.full((rows, self.dimension), self.mark, np.float32)
            responses.append(pb_utils.InferenceResponse([pb_utils.Tensor("embedding", embedding)]))
            if self.log is not None:
                self.log.write(f"{time.time() * 1000}\n")
        return responses
