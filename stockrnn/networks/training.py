"""Train and run a network: one loop for those that forecast a price and those that forecast quantiles."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from stockrnn.errors import TrainingError
from stockrnn.networks.examples import Examples, empty_context, shuffled_batches
from stockrnn.networks.libraries import library_version
from stockrnn.types import Network, Weights

if TYPE_CHECKING:
    from stockrnn.networks.compiled import CompiledNetwork

_DECISIVE = ("keras", "numpy", "pandas", "scikit-learn", "scipy", "tensorflow")

OnEpoch: TypeAlias = Callable[[int, float], None]
"""Called with 0 and NaN as training begins, then after each epoch with its number and its loss."""


@dataclass(frozen=True, slots=True)
class WarmStart:
    """Weights to go on from, in Keras' order, and Adam's step size from there on."""

    weights: Weights
    learning_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedNetwork:
    """A finished training: the weights in Keras' order, and the loss of each epoch."""

    weights: Weights
    losses: tuple[float, ...]


def fit_network(
    network: Network,
    training: Examples,
    validation: Examples | None = None,
    *,
    epochs: int,
    patience: int | None = None,
    seed: int,
    warm_start: WarmStart | None = None,
    on_epoch: OnEpoch | None = None,
) -> FittedNetwork:
    """Train with Adam on batches that are shuffled each epoch.

    The loss is the mean squared error of a network that forecasts one price, the mean pinball loss of one that
    forecasts quantiles. The same examples, network, seed, warm start and library versions give the same weights bit
    for bit on one machine.

    Parameters
    ----------
    validation
        Examples that are not trained on: the weights of the epoch that forecasts them best are kept. None: those of
        the last epoch.
    epochs, patience
        How many epochs at most, and after how many without a better one on `validation` to stop early (Prechelt 1998,
        "Early Stopping - But When?"). None: never.
    warm_start
        None: fresh weights.

    Returns
    -------
    FittedNetwork
        Its losses are those of `validation` after each epoch, without it the mean training loss of each epoch.

    Raises
    ------
    TrainingError
        A loss was not a finite number, or the training ran out of memory.
    """
    from stockrnn.networks.compiled import compile_network

    compiled = compile_network(network)
    rng = _begin(compiled, training, seed=seed, warm_start=warm_start)
    losses: list[float] = []
    best: Weights = []
    if on_epoch:
        on_epoch(0, float("nan"))
    for loss, weights in _train_epochs(compiled, training, validation, epochs=epochs, rng=rng):
        losses.append(loss)
        if on_epoch:
            on_epoch(len(losses), loss)
        epochs_since_best = 0 if validation is None else len(losses) - 1 - int(np.argmin(losses))
        if epochs_since_best == 0:
            best = weights
        elif patience is not None and epochs_since_best >= patience:
            break
    return FittedNetwork(weights=best, losses=tuple(losses))


def predict_network(
    network: Network, weights: Weights, x: np.ndarray, context: np.ndarray | None = None
) -> np.ndarray:
    """Forecast from scaled windows (N, lookback, inputs) and their context (N, context), None where there is none.

    Returns
    -------
    ndarray
        float64: scaled values (N,), or of a network with levels its quantiles, ascending, (N, levels). A forecast
        does not depend on how many others are asked for beside it.
    """
    from stockrnn.networks.compiled import compile_network

    compiled = compile_network(network)
    compiled.model.set_weights(weights)
    return compiled.predict(x, empty_context(len(x)) if context is None else context)


def require_weights(network: Network, weights: Weights) -> None:
    """Refuse arrays that are not the weights of a network of that shape; `ValueError` says why."""
    found = [array.shape for array in weights]
    # looked at first: a network far larger than its weights would be built in vain
    if len(found) > 1 and found[-2][:1] == (network.units + network.context,):
        from stockrnn.networks.compiled import compile_network

        needed = [tuple(variable.shape) for variable in compile_network(network).model.weights]
    else:
        needed = []
    if not needed or found != needed:
        raise ValueError(f"its arrays have the shapes {found[:8]}, not those of its network")
    if not all(array.dtype == np.float32 for array in weights):
        raise ValueError("some of its weights are no numbers of 32 bits")


@contextmanager
def translate_memory_errors() -> Iterator[None]:
    """Raise a `TrainingError` that says what to do when memory runs out inside the block."""
    from stockrnn.networks.tensorflow import tf

    try:
        yield
    except (MemoryError, tf.errors.ResourceExhaustedError) as error:
        raise TrainingError(
            f"training ran out of memory: {error}; make the spec's batch_size or units less"
        ) from error


def versions() -> dict[str, str]:
    """Return the versions of the libraries that decide what a training gives."""
    return {name: library_version(name) for name in _DECISIVE}


def _begin(
    compiled: "CompiledNetwork", training: Examples, *, seed: int, warm_start: WarmStart | None
) -> np.random.Generator:
    """Set the weights and the optimizer that training begins with; return the generator of its shuffles."""
    weights_seed, dropout_seed, shuffle_seed = np.random.SeedSequence(seed).spawn(3)
    compiled.reset(training.y, weights_seed=weights_seed, dropout_seed=dropout_seed)
    if warm_start is not None:
        compiled.start_from(warm_start.weights, learning_rate=warm_start.learning_rate)
    return np.random.default_rng(shuffle_seed)


def _train_epochs(
    compiled: "CompiledNetwork",
    training: Examples,
    validation: Examples | None,
    *,
    epochs: int,
    rng: np.random.Generator,
) -> Iterator[tuple[float, Weights]]:
    """Train epoch after epoch; yield the loss after each, of `validation` where there is one, and the weights."""
    batches = shuffled_batches(len(training.y), compiled.network.batch_size, rng)
    for epoch, (places, sample_weight) in zip(range(1, epochs + 1), batches, strict=False):
        with translate_memory_errors():
            loss = compiled.train_epoch(training, places, sample_weight)
            weights = compiled.finish()
            if validation is not None:
                loss = compiled.validate(weights, validation)
        if not np.isfinite(loss):
            raise TrainingError(
                f"training stopped at epoch {epoch}: the loss is {loss}; lower the spec's learning_rate"
            )
        yield loss, weights
