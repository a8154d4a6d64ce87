"""Makes the tests' tiny model known in every process whose PYTHONPATH begins with this folder."""

from tiny_model import ENTRY

from stockrnn.models.registry import KINDS

KINDS["tiny"] = ENTRY
