"""The versions of libraries, also where TensorFlow comes as the package of another name."""

import subprocess
import sys
from importlib.metadata import version

from stockrnn.networks import libraries


def test_tensorflow_without_gpus_counts_as_tensorflow_of_the_same_version(tmp_path):
    (tmp_path / "tensorflow_cpu-9.8.7.dist-info").mkdir()
    (tmp_path / "tensorflow_cpu-9.8.7.dist-info" / "METADATA").write_text("Name: tensorflow-cpu\nVersion: 9.8.7\n")
    code = f"""
import runpy, sys
sys.path.insert(0, {str(tmp_path)!r})
library_version = runpy.run_path({libraries.__file__!r})["library_version"]
print(library_version("tensorflow"))
library_version("keras")
"""
    done = subprocess.run([sys.executable, "-S", "-I", "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "9.8.7\n"
    assert "PackageNotFoundError" in done.stderr  # what is missing is missing
    assert libraries.library_version("keras") == version("keras")
