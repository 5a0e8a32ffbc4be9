"""Stands in for a model of a known speed: each request keeps an instance busy for a given time and is answered with a
fixed number.

The time of a request runs from the call of execute() to its return and is kept with a deadline, so that what this file
does itself is part of it. What Triton's Python backend does before and after (waking the process, copying tensors
through shared memory) is not: the server's statistics hold both.

Parameters of the model's configuration:
  sleep_ms   milliseconds for a request, whatever its shape
  curve      instead, `length:rows:tokens per second` separated by commas: a time that depends on the shape
  dimension  width of the embedding
  mark       every number of an answer
  log        file to which a line is added for each request: its begin, its end (milliseconds since 1970), rows,
             length, milliseconds it was to take, name of the instance
"""

import ctypes
import json
import time

import numpy as np
import triton_python_backend_utils as pb_utils

PR_SET_TIMERSLACK = 29
# An answer is kept for each number of rows that came before: a GPU does not write its answers with a CPU either.
KEPT_ANSWERS = 16


class TritonPythonModel:
    def initialize(self, args):
        parameters = json.loads(args["model_config"])["parameters"]

        def text(name):
            return parameters.get(name, {}).get("string_value", "")

        self.fixed = float(text("sleep_ms") or 0) / 1000
        self.curve = read_curve(text("curve"))
        self.dimension = int(text("dimension"))
        self.mark = float(text("mark") or 0)
        self.log = open(text("log"), "a", buffering=1) if text("log") else None
        self.name = args["model_instance_name"]
        self.answers = {}
        try:
            # Linux wakes sleepers up to 50 microseconds late so that they share wake-ups.
            ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)
        except (OSError, AttributeError):
            pass

    def execute(self, requests):
        responses = []
        for request in requests:
            begin = time.monotonic()
            rows, length = pb_utils.get_input_tensor_by_name(request, "input_ids").shape()
            seconds = seconds_of_batch(self.curve, rows, length) if self.curve else self.fixed
            response = self.answer(rows)
            sleep_until(begin + seconds)
            responses.append(response)
            if self.log is not None:
                now = time.time() * 1000
                took = (time.monotonic() - begin) * 1000
                self.log.write(f"{now - took:.3f} {now:.3f} {rows} {length} {seconds * 1000:.6f} {self.name}\n")
        return responses

    def answer(self, rows):
        tensor = self.answers.get(rows)
        if tensor is None:
            if len(self.answers) >= KEPT_ANSWERS:
                self.answers.pop(next(iter(self.answers)))
            tensor = pb_utils.Tensor("embedding", np.full((rows, self.dimension), self.mark, np.float32))
            self.answers[rows] = tensor
        return pb_utils.InferenceResponse([tensor])


def sleep_until(deadline):
    left = deadline - time.monotonic()
    if left > 0:
        time.sleep(left)


def read_curve(text):
    """The points by length: for each a list of (tokens, seconds), the smallest batch first."""
    points = {}
    for point in filter(None, text.split(",")):
        length, rows, tokens_per_second = (float(number) for number in point.split(":"))
        tokens = rows * length
        points.setdefault(length, []).append((tokens, tokens / tokens_per_second))
    return {length: sorted(points[length]) for length in sorted(points)}


def seconds_of_batch(curve, rows, length):
    """As batchSeconds of bench/scaling/curve.ts; test/bench-scaling holds the two together."""
    above = next((known for known in curve if known >= length), None)
    below = next((known for known in reversed(curve) if known <= length), None)
    tokens = rows * length
    if above is None or above == below:
        return seconds_at(curve[below], tokens)
    if below is None:
        return seconds_at(curve[above], tokens)
    weight = (length - below) / (above - below)
    return (1 - weight) * seconds_at(curve[below], tokens) + weight * seconds_at(curve[above], tokens)


def seconds_at(points, tokens):
    at = next((i for i, (known, _) in enumerate(points) if known >= tokens), len(points) - 1)
    (x0, y0), (x1, y1) = points[max(1, at) - 1], points[max(1, at)]
    return y0 + (tokens - x0) / (x1 - x0) * (y1 - y0)
