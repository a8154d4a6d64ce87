"""Train several models at a time: what steps will ask for is begun before they do, wherever there is room.

Steps run one after the other and are the same with this and without: it only has their trainings ready.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, cast

import pandas as pd

from stockrnn.errors import HoldoutError, TrainingError
from stockrnn.models.forecaster import Fitted
from stockrnn.models.quantile import QuantileModel, join_members
from stockrnn.models.spec import PriceSpec, QuantileSpec
from stockrnn.training.train import OnEpoch, Trainer, fit_model
from stockrnn.types import Target
from stockrnn.types.hashing import hash_values

Foreseen = Literal["training", "failure", "nothing"]
LOG = logging.getLogger("stockrnn")


@dataclass(frozen=True, kw_only=True)
class Training:
    """All that decides what a training gives; it needs no database and can go to another machine.

    Attributes
    ----------
    bars
        Ticker to bars, index `session`; those of a price model have its target alone.
    start
        The model to go on from; None: begin anew.
    member
        The network of an ensemble to train, counted from 0; None where there is one network.
    """

    spec: PriceSpec | QuantileSpec
    bars: Mapping[str, pd.DataFrame]
    target: Target
    seed: int
    start: Any = None
    member: int | None = None

    def run(self) -> Fitted:
        """Train.

        Raises
        ------
        HoldoutError, TrainingError
            As `fit_model`.
        """
        return fit_model(
            self.spec, self.bars, target=self.target, seed=self.seed, start=self.start, member=self.member
        )


class Future(Protocol):
    """A training under way."""

    def result(self) -> Fitted:
        """Wait for it; return what `Training.run` returns, or raise what it raises."""


class AheadTrainer:
    """A trainer whose trainings may have been begun before they are asked for.

    Parameters
    ----------
    submit
        Begins a training elsewhere, under a name for people.
    otherwise
        Trains what was not begun, and what was lost.

    Attributes
    ----------
    on_done
        Told how many of the trainings that were begun are done; a network of an ensemble is one.
    """

    on_done: Callable[[int], None] | None = None

    def __init__(self, submit: Callable[[str, Training], Future], otherwise: Trainer) -> None:
        self._submit = submit
        self._otherwise = otherwise
        self._begun: dict[object, Sequence[Future]] = {}
        self._done = 0

    def foresee(self, name: str, step: Callable[[Trainer], object]) -> Foreseen:
        """Begin what a step would train, and say whether it trains anything.

        Parameters
        ----------
        step
            Takes a trainer and writes nothing before it has called it.
        """
        try:
            step(_ask)
        except _AskedError as asked:
            self._begin(name, asked.training)
            return "training"
        except Exception:  # noqa: BLE001  # the step will say it, to whom it belongs
            return "failure"
        return "nothing"

    def __call__(
        self,
        spec: PriceSpec | QuantileSpec,
        bars: Mapping[str, pd.DataFrame],
        *,
        target: Target,
        seed: int,
        start: Any = None,  # noqa: ANN401  # see `fit_model`
        on_epoch: OnEpoch | None = None,
    ) -> Fitted:
        """Return what `fit_model` returns.

        Raises
        ------
        HoldoutError, TrainingError
            As `fit_model`.
        """
        training = Training(spec=spec, bars=bars, target=target, seed=seed, start=start)
        begun = self._begun.get(_make_key(training))
        if begun is not None:
            try:
                return _join([self._wait_for(future) for future in begun])
            except (HoldoutError, TrainingError):
                raise
            except Exception as error:  # noqa: BLE001  # whatever the engine raises where a worker is gone
                LOG.warning("a training was lost with its worker (%s); it is done here instead", type(error).__name__)
                del self._begun[_make_key(training)]
        return self._otherwise(spec, bars, target=target, seed=seed, start=start, on_epoch=on_epoch)

    @property
    def begun(self) -> int:
        """How many trainings were begun."""
        return sum(len(parts) for parts in self._begun.values())

    def _wait_for(self, future: Future) -> Fitted:
        fitted = future.result()
        self._done += 1
        if self.on_done:
            self.on_done(self._done)
        return fitted

    def _begin(self, name: str, training: Training) -> None:
        key = _make_key(training)
        if key not in self._begun:
            self._begun[key] = [self._submit(name, part) for part in _split(training)]


class _AskedError(Exception):
    """Carries a training out of the step that asked for it."""

    def __init__(self, training: Training) -> None:
        self.training = training
        super().__init__()


def _ask(
    spec: PriceSpec | QuantileSpec,
    bars: Mapping[str, pd.DataFrame],
    *,
    target: Target,
    seed: int,
    start: Any = None,  # noqa: ANN401  # see `fit_model`
    on_epoch: OnEpoch | None = None,  # noqa: ARG001  # a trainer's
) -> Fitted:
    raise _AskedError(Training(spec=spec, bars=bars, target=target, seed=seed, start=start))


def _split(training: Training) -> list[Training]:
    """Return the parts that can be done apart: the members of an ensemble, of a price model the whole."""
    parts = dict(vars(training))
    if isinstance(training.spec, QuantileSpec):
        return [Training(**{**parts, "member": number}) for number in range(training.spec.members)]
    return [Training(**{**parts, "bars": {name: bars[[training.target]] for name, bars in training.bars.items()}})]


def _join(parts: Sequence[Fitted]) -> Fitted:
    return parts[0] if len(parts) == 1 else join_members(cast("Sequence[QuantileModel]", parts))


def _make_key(training: Training) -> object:
    """Return what tells two trainings of a run apart; there is but one model to go on from for the same bars."""
    hashes = (
        (name, len(bars), bars.index[-1], hash_values(bars[training.target].to_numpy()))
        for name, bars in training.bars.items()
    )
    return training.spec, training.target, training.seed, training.start is None, *hashes
