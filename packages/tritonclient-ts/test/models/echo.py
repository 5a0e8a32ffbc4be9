"""Gives back every byte with some bits flipped, so that an answer can only be right where both ways are."""

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        return [
            pb_utils.InferenceResponse(
                [
                    pb_utils.Tensor(
                        "OUT",
                        np.bitwise_xor(
                            pb_utils.get_input_tensor_by_name(request, "IN").as_numpy(), 0x5A
                        ),
                    )
                ]
            )
            for request in requests
        ]
