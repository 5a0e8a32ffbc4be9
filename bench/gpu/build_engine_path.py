"""`build` of scripts/build_engine.py, for the scripts here."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts"))
from build_engine import build  # noqa: E402, F401
