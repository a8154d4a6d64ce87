"""Imports and remembers all that a night needs, so that nights that are forks of this process begin at once."""

import tempfile
from functools import cache
from importlib.metadata import version
from pathlib import Path

from killed_night import FIRST_NIGHT, SPECS, run_night_here

from stockrnn.networks import training
from stockrnn.settings import Settings
from stockrnn.steps import run_log
from stockrnn.store.migrate import open_store

run_log.version = training.version = cache(version)  # a quarter of such a night is reading files of versions

with tempfile.TemporaryDirectory() as folder:
    settings = Settings(home=Path(folder), **SPECS)
    open_store(settings).dispose()
    run_night_here(settings, FIRST_NIGHT)
