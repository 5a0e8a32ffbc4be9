"""Fails in the way its input asks for."""

import os

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        return [self.fail(request) for request in requests]

    def fail(self, request):
        tensor = pb_utils.get_input_tensor_by_name(request, "IN").as_numpy()
        how = tensor[0].decode()
        if how == "raise":
            raise ValueError("boom in execute")
        if how == "die":
            os._exit(1)
        code = getattr(pb_utils.TritonError, how, None)
        if code is not None:
            return pb_utils.InferenceResponse([], pb_utils.TritonError("as you asked", code))
        return pb_utils.InferenceResponse([pb_utils.Tensor("OUT", tensor)])
