"""Cases of which `make test` takes a few: the rest run in `make test-all`."""

from collections.abc import Iterable
from typing import Any

import pytest


def sample(cases: Iterable[Any], *, first: int) -> list[Any]:
    """Return the cases of a parametrized test, all but the first ones marked as exhaustive."""
    made = []
    for position, case in enumerate(cases):
        values = case if isinstance(case, tuple) else (case,)
        made.append(pytest.param(*values, marks=() if position < first else pytest.mark.exhaustive))
    return made
