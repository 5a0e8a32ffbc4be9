"""Sequences in, embeddings out: tokenizes, makes batches and has another model of this server embed them."""

import asyncio
import json
import os
import sys

import numpy as np
import triton_python_backend_utils as pb_utils

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, FOLDER)

import batching  # noqa: E402
import token_ids  # noqa: E402


class TritonPythonModel:
    def initialize(self, args):
        config = json.loads(args["model_config"])
        parameters = {key: value["string_value"] for key, value in config["parameters"].items()}
        self.model = parameters["model"]
        self.version = int(parameters["version"])
        self.pad_id = int(parameters["pad_id"])
        self.limits = batching.Limits(parameters["shapes"], int(parameters["token_budget"]))
        self.in_flight = int(parameters["in_flight"])
        self.dimension = int(config["output"][0]["dims"][1])
        if parameters["tokenizer"] == "esm":
            self.tokenizer = token_ids.EsmTokenizer()
        else:
            self.tokenizer = token_ids.DnaTokenizer(os.path.join(FOLDER, "tokenizer.json"))

    async def execute(self, requests):
        return [await self.respond(request) for request in requests]

    async def respond(self, request):
        """One bad request must not fail those that arrived with it."""
        sequences = pb_utils.get_input_tensor_by_name(request, "sequences").as_numpy()
        try:
            rows = [self.encode(number, sequence) for number, sequence in enumerate(sequences)]
            embedding = await self.embed(rows)
        except ValueError as error:
            return failed(str(error), pb_utils.TritonError.INVALID_ARG)
        except pb_utils.TritonModelException as error:
            return failed(str(error), pb_utils.TritonError.INTERNAL)
        return pb_utils.InferenceResponse([pb_utils.Tensor("embedding", embedding)])

    def encode(self, number, sequence):
        if len(sequence) == 0:
            raise ValueError(f"sequence {number + 1} is empty")
        try:
            return self.tokenizer.encode(sequence.decode("ascii"))
        except ValueError as error:
            raise ValueError(f"sequence {number + 1}: {error}") from error

    async def embed(self, rows):
        """Rows of token ids to FP32 [rows, dimension], in the order given."""
        embedding = np.empty((len(rows), self.dimension), np.float32)
        batches = batching.plan(rows, self.limits)
        for start in range(0, len(batches), self.in_flight):
            group = batches[start : start + self.in_flight]
            for members, result in zip(group, await asyncio.gather(*(self.call(rows, members) for members in group))):
                embedding[members] = result
        return embedding

    async def call(self, rows, members):
        ids, lengths = batching.pad([rows[member] for member in members], self.pad_id)
        # Named, so that another model under the same name cannot answer.
        response = await pb_utils.InferenceRequest(
            model_name=self.model,
            model_version=self.version,
            requested_output_names=["embedding"],
            inputs=[pb_utils.Tensor("input_ids", ids), pb_utils.Tensor("lengths", lengths)],
        ).async_exec()
        if response.has_error():
            raise pb_utils.TritonModelException(f"model {self.model}: {response.error().message()}")
        # The embedding may lie in the memory of a GPU.
        tensor = pb_utils.get_output_tensor_by_name(response, "embedding")
        return tensor.as_numpy() if tensor.is_cpu() else from_gpu(tensor)


def from_gpu(tensor):
    import torch  # Only servers with GPUs get here; their image has it, or its own is installed.

    return torch.from_dlpack(tensor.to_dlpack()).cpu().numpy()


def failed(message, code):
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(message, code))
