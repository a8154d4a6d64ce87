"""Makes the tests' tiny model known in every process whose PYTHONPATH begins with this folder.

Arms `killing.py`, and lets runs give signs of life more often, where variables say so.
"""

import os
import sys

from tiny_model import ENTRY

from stockrnn.models.registry import KINDS

KINDS["tiny"] = ENTRY
if "KILL_AT" in os.environ:
    from killing import arm_by_environment

    arm_by_environment(sys.orig_argv)
if "SIGN_SECONDS" in os.environ:
    from stockrnn.steps import signs_of_life

    signs_of_life.SECONDS_BETWEEN = float(os.environ["SIGN_SECONDS"])
