#!/usr/bin/env python3
"""Runs a module such as pip for as long as standard input is open: whoever started this may be killed, and its work must end, too.

Usage: while_read.py MODULE [ARGUMENT ...]
"""

import os
import runpy
import sys
import threading

# Read once, since the module may close or replace it.
pipe = os.dup(0)
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)


def watch():
    while os.read(pipe, 1):
        pass
    os._exit(130)


threading.Thread(target=watch, daemon=True).start()
sys.argv = sys.argv[1:]
# The folder of this file must not hide the module's own.
sys.path.pop(0)
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
