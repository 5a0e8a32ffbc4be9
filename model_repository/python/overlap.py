"""
Keeps a device at work between requests: a batch is handed to the device's own queue and answered by another thread when
it is done, while the next request is received and queued behind it.

What a slot is: memory for one batch on its way, with
  start(*arrays)  queues the batch and returns at once
  result()        waits for it, in any thread; what it returns is overwritten by the slot's next start
Slots of one device finish in the order in which they were started.
"""

import threading
import time
import traceback
from collections import deque
from queue import SimpleQueue

# Part of a batch's time after which the next request is let in, and seconds before its end that must be left for that.
LET_IN = 0.75
LEAD = 0.010
# Batches whose speed is remembered. The fastest counts: who expects a batch to end too late leaves the device idle.
REMEMBERED = 8


class Overlap:
    """For one thread that starts batches; `deliver` of a batch is called by the thread that answers."""

    def __init__(self, slots):
        self.free = SimpleQueue()
        for slot in slots:
            self.free.put(slot)
        self.started = SimpleQueue()
        self.before = self.last = None
        self.paces = deque(maxlen=REMEMBERED)
        self.thread = threading.Thread(target=self.answer, name="answers", daemon=True)
        self.thread.start()

    def start(self, arrays, cost, deliver):
        """
        Queues a batch behind those under way; raises what the slot's `start` raises. `cost` is anything that time is
        about proportional to. `deliver` is called once, with the result or with the exception that took its place.
        """
        slot = self.free.get()
        try:
            slot.start(*arrays)
        except BaseException:
            self.free.put(slot)
            raise
        self.before, self.last = self.last, Batch(slot, cost, deliver)
        self.started.put(self.last)
        return self.last

    def hold(self):
        """
        Waits as long as the device has enough to do with the batch started last. The server counts the time that a call of
        execute() takes as time at which the model computed: calls that return when the next batch is needed, and not before,
        add up to the time at which the device was busy.
        """
        if self.before is not None:
            self.before.done.wait()
        expected = min(self.paces, default=0) * self.last.cost
        self.last.done.wait(max(0, min(LET_IN * expected, expected - LEAD)))

    def answer(self):
        ended = 0
        while (batch := self.started.get()) is not None:
            begin = max(ended, batch.begin)
            try:
                outcome = batch.slot.result()
            except BaseException as error:  # whatever it is, the batches behind it must be answered
                outcome = error
            ended = time.monotonic()
            if not isinstance(outcome, BaseException):
                self.paces.append((ended - begin) / batch.cost)
            batch.done.set()
            try:
                batch.deliver(outcome)
            except Exception:
                traceback.print_exc()
            # The batch is kept until the next but one; what it holds for its answer is not.
            batch.deliver = outcome = None
            self.free.put(batch.slot)
            batch.answered.set()

    def close(self, seconds):
        """Answers what is under way, and gives up after so many seconds."""
        self.started.put(None)
        self.thread.join(seconds)


class Batch:
    def __init__(self, slot, cost, deliver):
        self.slot, self.cost, self.deliver = slot, cost, deliver
        self.begin = time.monotonic()
        self.done, self.answered = threading.Event(), threading.Event()
