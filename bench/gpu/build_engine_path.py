"""What the scripts here need of src/engines/python/build_engine.py."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "src", "engines", "python"))
from build_engine import build, has_attention  # noqa: E402, F401
