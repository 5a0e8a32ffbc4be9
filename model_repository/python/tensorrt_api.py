"""TensorRT's Python bindings and its messages. Needs no other package."""

import sys


def load_tensorrt():
    """The bindings, under either of the names that their packages have. Raises ImportError where there are none."""
    try:
        import tensorrt
    except ImportError as first:
        try:
            import tensorrt_bindings as tensorrt
        except ImportError as second:
            raise ImportError(f"cannot import tensorrt ({first}) or tensorrt_bindings ({second})") from None
    return tensorrt


def make_logger(trt, stream=sys.stdout, verbose=False):
    class Logger(trt.ILogger):
        """Keeps the last errors for messages, and lets warnings through to a stream."""

        def __init__(self):
            trt.ILogger.__init__(self)
            self.errors = []

        def log(self, severity, message):
            if severity <= trt.ILogger.ERROR:
                self.errors = [*self.errors[-9:], message]
            if severity <= (trt.ILogger.VERBOSE if verbose else trt.ILogger.WARNING):
                print(f"TensorRT: {message}", file=stream, flush=True)

    return Logger()
