"""The versions of the libraries that forecasts depend on."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache  # a night asks often, and each time a package's whole description would be read
def library_version(name: str) -> str:
    """Return the version of an installed library.

    TensorFlow without support for GPUs comes as a package of another name: docker/Dockerfile.

    >>> library_version("keras").split(".")[0]
    '3'
    """
    try:
        return version(name)
    except PackageNotFoundError:
        if name != "tensorflow":
            raise
        return version("tensorflow-cpu")
