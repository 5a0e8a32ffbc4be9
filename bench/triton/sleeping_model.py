"""Stands in for a model of a known speed: each request keeps an instance busy for a given time and is answered with a
fixed number.

The time of a request runs from the call of execute() to its return and is kept with a deadline, so that what this file
does itself is part of it. What Triton's Python backend does before and after (waking the process, copying tensors
through shared memory) is not: the server's statistics hold both. With `overlap` the next request is taken in meanwhile, by
the very code that does so for plans (model_repository/python/overlap.py, which then lies beside this file).

Parameters of the model's configuration:
  sleep_ms   milliseconds for a request, whatever its shape
  curve      instead, `length:rows:tokens per second` separated by commas: a time that depends on the shape
  dimension  width of the embedding
  mark       every number of an answer
  overlap    `yes` to take in requests while one is at work
  log        file to which a line is added for each request: its begin, its end (milliseconds since 1970), rows,
             length, milliseconds it was to take, name of the instance
"""

import ctypes
import json
import os
import sys
import time

import numpy as np
import triton_python_backend_utils as pb_utils

PR_SET_TIMERSLACK = 29
# An answer is kept for each number of rows that came before: a GPU does not write its answers with a CPU either.
KEPT_ANSWERS = 16
# As in model_repository/python/plan.py.
SLOTS = 3


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
        self.overlap = None
        if text("overlap") == "yes":
            sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
            from overlap import Overlap

            device = Device()
            # Its thread wakes up as exactly as this one.
            self.overlap = Overlap([Slot(device) for _ in range(SLOTS)])

    def execute(self, requests):
        if self.overlap is not None:
            for request in requests:
                self.queue(request)
            return [None] * len(requests)
        responses = []
        for request in requests:
            begin = time.monotonic()
            rows, length, seconds = self.work_of(request)
            response = self.answer(rows)
            sleep_until(begin + seconds)
            responses.append(response)
            self.note(begin, time.monotonic(), rows, length, seconds)
        return responses

    def queue(self, request):
        rows, length, seconds = self.work_of(request)
        sender = request.get_response_sender()
        response = self.answer(rows)

        def deliver(span):
            # Noted first: whoever has the last answer may read the log.
            self.note(*span, rows, length, seconds)
            sender.send(response, flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)

        self.overlap.start((seconds,), rows * length, deliver)
        self.overlap.hold()

    def finalize(self):
        if self.overlap is not None:
            self.overlap.close(10)

    def work_of(self, request):
        """Rows, length, and the seconds that they take."""
        rows, length = pb_utils.get_input_tensor_by_name(request, "input_ids").shape()
        return rows, length, seconds_of_batch(self.curve, rows, length) if self.curve else self.fixed

    def note(self, begin, end, rows, length, seconds):
        if self.log is not None:
            first = (time.time() + begin - time.monotonic()) * 1000
            last = first + (end - begin) * 1000
            self.log.write(f"{first:.3f} {last:.3f} {rows} {length} {seconds * 1000:.6f} {self.name}\n")

    def answer(self, rows):
        tensor = self.answers.get(rows)
        if tensor is None:
            if len(self.answers) >= KEPT_ANSWERS:
                self.answers.pop(next(iter(self.answers)))
            tensor = pb_utils.Tensor("embedding", np.full((rows, self.dimension), self.mark, np.float32))
            self.answers[rows] = tensor
        return pb_utils.InferenceResponse([tensor])


class Device:
    """Does one batch after the other."""

    free = 0.0


class Slot:
    """A batch in the queue of a device, as overlap.py wants it. Its result are the seconds at which it began and ended."""

    def __init__(self, device):
        self.device = device

    def start(self, seconds):
        self.begin = max(time.monotonic(), self.device.free)
        self.end = self.device.free = self.begin + seconds

    def result(self):
        sleep_until(self.end)
        return self.begin, self.end


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
    """As batchSeconds of bench/scaling/curve.ts; test/integration/bench-scaling holds the two together."""
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
