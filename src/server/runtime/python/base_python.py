#!/usr/bin/env python3
"""Says as JSON whether a server's Python environment can be made from this Python.

{"version": "3.11", "library": file of its libpython or null, "pip": whether it has pip, "ensurepip": or brings it}
"""

import ctypes
import importlib.util
import json
import os
import sys
import sysconfig


def library():
    """The shared libpython, which the server's Python backend is linked with. Some Pythons name a folder that is not theirs."""
    name = "libpython%d.%d.so.1.0" % sys.version_info[:2]
    folders = [sysconfig.get_config_var("LIBDIR"), os.path.join(sys.base_prefix, "lib"), sysconfig.get_config_var("LIBPL")]
    multiarch = sysconfig.get_config_var("MULTIARCH")
    if multiarch:
        folders += ["/usr/lib/" + multiarch, "/lib/" + multiarch]
    for folder in [*folders, "/usr/lib64"]:
        if folder and os.path.exists(os.path.join(folder, name)):
            path = os.path.join(folder, name)
            try:
                ctypes.CDLL(path)
            except OSError:
                continue
            return path
    return None


def has(module):
    return importlib.util.find_spec(module) is not None


print(
    json.dumps(
        {
            "version": "%d.%d" % sys.version_info[:2],
            "library": library(),
            "pip": has("pip"),
            "ensurepip": has("ensurepip") and has("venv"),
        }
    )
)
