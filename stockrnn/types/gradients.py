"""How far back the gradient of a network reaches, as numbers."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reach:
    """Norms of derivatives, each the mean over windows; index 0 is the newest session.

    Attributes
    ----------
    inputs
        Of the forecast by what each session brings, shape (lookback,).
    states
        Of the top recurrent layer's last output by its output after each session: the spectral norm of the Jacobian,
        1 at index 0, shape (lookback,).
    """

    inputs: np.ndarray
    states: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpecReach:
    """The reach of one spec's network, before its training and after it."""

    spec: str
    cell: str
    untrained: Reach
    trained: Reach


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RemedyEffect:
    """What truncation and clipping do to the gradients of one spec's network.

    Attributes
    ----------
    truncate_after
        How many steps the gradient goes back.
    free, truncated
        `Reach.inputs` of the trained network, without truncation and with it.
    clip_norm
        What a gradient is shortened to.
    norms
        Of the gradient of each batch of a first epoch, all weights together, as it is without clipping.
    """

    spec: str
    truncate_after: int
    free: np.ndarray
    truncated: np.ndarray
    clip_norm: float
    norms: np.ndarray
