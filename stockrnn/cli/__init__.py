"""The command line. Heavy libraries are imported inside the commands that need them."""

from stockrnn.cli.app import main

__all__ = ["main"]
