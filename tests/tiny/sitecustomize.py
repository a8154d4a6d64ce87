"""Makes the tests' tiny model known in every process whose PYTHONPATH begins with this folder; arms `killing.py`."""

import os
import sys

from tiny_model import ENTRY

from stockrnn.models.registry import KINDS

KINDS["tiny"] = ENTRY
if "KILL_AT" in os.environ:
    from killing import arm_by_environment

    arm_by_environment(sys.orig_argv)
