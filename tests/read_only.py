"""Run a part of a test as a user whom permissions hold, also where the tests run as root."""

import os
import shutil
import subprocess
import sys

import pytest

_POWERS = "-dac_override,-dac_read_search,-fowner"


def run_held(*words, cwd, **environment):
    """Run Python with these words; root without the powers that let it pass over permissions."""
    command = [sys.executable, *map(str, words)]
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root without setpriv, whom no permission holds")
        command = ["setpriv", f"--bounding-set={_POWERS}", f"--inh-caps={_POWERS}", *command]
    return subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
