"""miniwdl with tasks that run on this machine, without a container: the folder that a container would see is the one they have.

Usage: miniwdl-host.py run FILE.wdl [INPUT=VALUE …]
"""

import os
import sys

import WDL.CLI
import WDL.runtime.task_container as task_container
from WDL.runtime.backend.cli_subprocess import SubprocessBase


class Host(SubprocessBase):
    cli_name = "host"

    def __init__(self, cfg, run_id, host_dir):
        super().__init__(cfg, run_id, host_dir)
        self.container_dir = host_dir

    @classmethod
    def global_init(cls, cfg, logger):
        pass

    def _pull(self, logger, cleanup):
        return ""

    def _run_invocation(self, logger, cleanup, image):
        for host_path, container_path in self.input_path_map.items():
            os.makedirs(os.path.dirname(container_path), exist_ok=True)
            os.symlink(host_path, container_path)
        return ["env", "--chdir", os.path.join(self.container_dir, "work")]


task_container._backends["host"] = Host
os.environ["MINIWDL__SCHEDULER__CONTAINER_BACKEND"] = "host"
sys.exit(WDL.CLI.main(sys.argv[1:]))
