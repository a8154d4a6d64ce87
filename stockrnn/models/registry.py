"""The kinds of models, the specs of the settings, and stored models made ready to forecast again.

A further kind is one file in this folder, its test, and one line in `KINDS`.
"""

from collections.abc import Mapping
from functools import lru_cache
from pkgutil import resolve_name

import pandas as pd
from pydantic import ValidationError

from stockrnn.errors import DamagedModelError, SettingsError, UnknownSpecError, UsageError
from stockrnn.models.forecaster import Forecaster
from stockrnn.models.serialization import unpack_weights
from stockrnn.models.spec import Spec
from stockrnn.settings import Settings, describe_problems
from stockrnn.types import MAX_EPOCHS, Model, Target

KINDS: dict[str, str] = {
    "echo_state": "stockrnn.models.echo_state:EchoStateSpec",
    "price": "stockrnn.models.price:PriceSpec",
    "quantile": "stockrnn.models.quantile:QuantileSpec",
}
"""Kind to the class of its specs, imported when a spec of it is read."""

HOUSE_SPECS: Mapping[str, Mapping[str, object]] = {
    "quantile": {"kind": "quantile"},
    "tutorial": {"kind": "price"},
    "rnn": {"kind": "price", "cell": "rnn", "nightly": False},
    "gru": {"kind": "price", "cell": "gru", "nightly": False},
    "lstm_peephole": {"kind": "price", "cell": "lstm_peephole", "nightly": False},
    "lstm_coupled": {"kind": "price", "cell": "lstm_coupled", "nightly": False},
    "echo_state": {"kind": "echo_state", "nightly": False},
}
"""Specs that are always there; the settings may change everything of them but their kind."""

_DEFAULT_KIND = "price"
_RENAMED = {"most_windows": "max_windows"}
"""Settings that had another name once; whoever still has the old one is told the new one."""


def get_kind(name: object) -> type[Spec]:
    """Return the class of the specs of a kind; `SettingsError` names the kinds there are."""
    if not isinstance(name, str) or name not in KINDS:
        raise SettingsError(f"no kind of model {name!r}; known: {', '.join(sorted(KINDS))}")
    kind: type[Spec] = resolve_name(KINDS[name])
    return kind


def read_specs(settings: Settings) -> dict[str, Spec]:
    """Return the specs of the settings by their names, the house specs among them.

    Raises
    ------
    SettingsError
        A spec has a setting that does not exist or is not allowed; names the setting.
    """
    given = {name: table for name, table in settings.specs.items() if name not in HOUSE_SPECS}
    house = {name: settings.specs.get(name, {}) for name in HOUSE_SPECS}
    return {name: _read_spec(name, table) for name, table in {**house, **given}.items()}


def get_spec(settings: Settings, name: str) -> Spec:
    """Return the spec called `name`; `UnknownSpecError` if there is none."""
    specs = read_specs(settings)
    if name not in specs:
        raise UnknownSpecError(name, list(specs))
    return specs[name]


def choose_specs(settings: Settings, spec: str | None, *, epochs: int | None) -> tuple[Settings, tuple[str, ...]]:
    """Return the specs of a night, the one named or all that are nightly, and settings in which they train `epochs`.

    Raises
    ------
    UnknownSpecError
        There is none of that name.
    UsageError
        None is named, and none is nightly.
    """
    names = (spec,) if spec else nightly_specs(settings)
    if not names:
        raise UsageError("no spec is nightly: set nightly = true for one in stockrnn.toml, or name one with --spec")
    for name in names:
        settings = with_epochs(settings, name, epochs)
    return settings, names


def nightly_specs(settings: Settings) -> tuple[str, ...]:
    """Return the names of the specs that a night works on, the one of the settings first."""
    names = [name for name, spec in read_specs(settings).items() if spec.nightly]
    return tuple(sorted(names, key=lambda name: (name != settings.spec, name)))


def with_epochs(settings: Settings, name: str, epochs: int | None) -> Settings:
    """Return settings in which the spec called `name` trains `epochs` epochs; None leaves it as it is.

    Raises
    ------
    UnknownSpecError
        There is no such spec.
    UsageError
        It trains in no epochs, or in no such number of them.
    """
    spec = get_spec(settings, name)
    if epochs is None:
        return settings
    if not 1 <= epochs <= MAX_EPOCHS:
        raise UsageError(f"can't train {epochs} epochs: expected 1 to {MAX_EPOCHS}")
    return settings.model_copy(update={"specs": {**settings.specs, name: spec.with_epochs(epochs).model_dump()}})


def restore(model: Model) -> Forecaster:
    """Rebuild what a stored model was when it was trained.

    Raises
    ------
    DamagedModelError
        The stored weights do not match their checksum, were pruned, or make no model together with the rest of it.
    """
    try:
        return _restore(_Key(model))
    except DamagedModelError:
        raise
    except Exception as error:  # whatever a kind stumbles over: what is stored passes here and nowhere else
        words = " ".join(str(error).split())
        raise DamagedModelError(
            f"model {model.model_id}: what is stored of it makes no model ({type(error).__name__}: {words[:200]}); "
            "restore the database or retrain"
        ) from error


def fits_prices(spec: Spec, model: Model, bars: pd.DataFrame, *, target: Target) -> bool:
    """Whether a stored model can forecast prices as they are now; one whose kind is gone, or its config, can't."""
    try:
        return bool(model.config["kind"] == spec.kind and spec.fits_prices(model.config, bars, target=target))
    except (LookupError, TypeError, ValueError, ArithmeticError):
        return False


def _read_spec(name: str, table: object) -> Spec:
    if isinstance(table, Spec):
        return table
    if not isinstance(table, Mapping):
        raise SettingsError(f"settings: specs.{name} is {table!r}; expected a table such as [specs.{name}]")
    house = HOUSE_SPECS.get(name, {})
    kind = table.get("kind", house.get("kind", _DEFAULT_KIND))
    if kind != house.get("kind", kind):
        raise SettingsError(
            f"settings: specs.{name} is of kind {house['kind']}; give a spec of another kind another name"
        )
    for old in _RENAMED.keys() & table.keys():
        raise SettingsError(f"settings: specs.{name}.{old} is called {_RENAMED[old]} now")
    values = {**house, **table, "kind": kind}
    try:
        return get_kind(kind).model_validate(values)
    except ValidationError as error:
        raise SettingsError(describe_problems(error, within=("specs", name))) from None


class _Key:
    """A model by what its forecasts depend on: one that serves many tickers is unpacked once."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def __hash__(self) -> int:
        return hash(self.model.model_id)

    def __eq__(self, other: object) -> bool:  # as Python has it
        return isinstance(other, _Key) and self._parts() == other._parts()

    def _parts(self) -> tuple[object, ...]:
        return self.model.model_id, self.model.weights_sha256, self.model.weights, self.model.config


@lru_cache(maxsize=4)
def _restore(key: _Key) -> Forecaster:
    model = key.model
    weights = unpack_weights(model.weights, sha256=model.weights_sha256, model_id=model.model_id)
    kind = get_kind(model.config["kind"])
    return kind.restore(model.config, weights, windows=model.windows, loss=model.loss)
