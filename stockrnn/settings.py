"""All configuration: `stockrnn.toml` in the working folder, overridden by STOCKRNN_ variables."""

import os
import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings import SettingsError as SourceError

from stockrnn.errors import SettingsError, UnknownSpecError
from stockrnn.models.spec import PriceSpec, QuantileSpec, Spec
from stockrnn.types import BASELINES, VOLATILITY_BENCHMARKS, Target, Ticker

SETTINGS_FILE = "stockrnn.toml"
_SPEC_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_RESERVED = (*BASELINES, *VOLATILITY_BENCHMARKS, "all")
_HOUSE: dict[str, Any] = {"quantile": {"kind": "quantile"}, "tutorial": {"kind": "price"}}
"""Specs that are always there; `stockrnn.toml` may change their settings, not their kind."""


class Settings(BaseSettings):
    """Everything that can be set. Passed down as an argument; nothing else reads the environment."""

    model_config = SettingsConfigDict(
        env_prefix="STOCKRNN_",
        env_nested_delimiter="__",
        toml_file=SETTINGS_FILE,
        frozen=True,
        extra="forbid",
    )

    home: Path = Path("stockrnn-data")
    database_url: SecretStr | None = None
    database_wait_seconds: float = Field(default=90, ge=0)
    tickers: Annotated[tuple[Ticker, ...], NoDecode] = ()
    target: Target = "open"
    spec: str = "quantile"
    seed: int = Field(default=0, ge=0, lt=2**32)
    missed_after_hours: float = Field(default=12, ge=0)
    settle_hours: float = Field(default=4, ge=0, le=72)
    history_from: date = date(2010, 1, 1)
    requests_per_second: float = Field(default=2, gt=0)
    inactive_after_nights: int = Field(default=5, ge=2)
    keep_days: int = Field(default=730, ge=366)
    task_runner: Literal["single", "processes", "dask"] = "processes"
    processes: int | None = Field(default=None, ge=1)
    dask_scheduler: str | None = Field(default=None, pattern=r"^[a-z]+://")
    calendars: dict[Ticker, str] = Field(default_factory=dict)
    specs: dict[str, Spec] = Field(default_factory=dict, validate_default=True)

    @field_validator("tickers", mode="before")
    @classmethod
    def _split_tickers(cls, value: object) -> object:
        return [part for part in value.replace(",", " ").split() if part] if isinstance(value, str) else value

    @field_validator("specs", mode="before")
    @classmethod
    def _add_house_specs(cls, value: object) -> object:
        """Add those that are not named, and the kind of those that are: a partly set one keeps its other defaults."""
        if not isinstance(value, dict):
            return value
        given = {name: spec for name, spec in value.items() if name not in _HOUSE}
        house = {name: _fill_in(value.get(name, {}), fixed) for name, fixed in _HOUSE.items()}
        return {**house, **given}

    @field_validator("specs")
    @classmethod
    def _check_names(cls, specs: dict[str, Spec]) -> dict[str, Spec]:
        for name, spec in specs.items():
            if name in _RESERVED or not _SPEC_NAME.fullmatch(name):
                raise ValueError(
                    f"{name!r} can't name a spec: use lower case, digits, - and _, at most 32, no baseline"
                )
            if name in _HOUSE and spec.kind != _HOUSE[name]["kind"]:
                raise ValueError(
                    f"{name!r} is of kind {_HOUSE[name]['kind']}; give a spec of another kind another name"
                )
        return specs

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # the signature is pydantic's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments win over the environment, the environment over the file."""
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls))

    def get_spec(self, name: str) -> PriceSpec | QuantileSpec:
        """Return the spec called `name`; `UnknownSpecError` if there is none."""
        try:
            return self.specs[name]
        except KeyError:
            raise UnknownSpecError(name, list(self.specs)) from None

    @property
    def nightly_specs(self) -> tuple[str, ...]:
        """The names of the specs that a night works on, the one of the settings first."""
        names = [name for name, spec in self.specs.items() if spec.nightly]
        return tuple(sorted(names, key=lambda name: (name != self.spec, name)))

    def with_epochs(self, name: str, epochs: int | None) -> Self:
        """Return settings in which the spec called `name` trains `epochs` epochs; None leaves it as it is.

        Raises
        ------
        UnknownSpecError
            There is no such spec.
        """
        spec = self.get_spec(name)
        if epochs is None:
            return self
        return self.model_copy(update={"specs": {**self.specs, name: spec.model_copy(update={"epochs": epochs})}})

    @property
    def reports(self) -> Path:
        """The folder of the PNG reports."""
        return self.home / "reports"


def load_settings(**overrides: Any) -> Settings:  # noqa: ANN401  # any field of Settings
    """Read `stockrnn.toml` and the environment; `overrides` win.

    Raises
    ------
    SettingsError
        The file is no TOML, a setting does not exist, or a value is not allowed; names the setting.
    """
    _refuse_unknown_variables()
    try:
        return Settings(**overrides)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{SETTINGS_FILE} is not valid TOML: {error}") from None
    except SourceError as error:
        raise SettingsError(f"a STOCKRNN_ variable can't be read: {error}") from None
    except ValidationError as error:
        problems = "; ".join(f"{_write_place(problem['loc'])}: {problem['msg']}" for problem in error.errors())
        raise SettingsError(f"settings ({SETTINGS_FILE} or STOCKRNN_ variables): {problems}") from None


def _refuse_unknown_variables() -> None:
    """Refuse a misspelt variable, which would otherwise be ignored in silence."""
    known = {f"STOCKRNN_{name}".upper() for name in Settings.model_fields}
    named = (name.upper() for name in os.environ)
    unknown = sorted(name for name in named if name.startswith("STOCKRNN_") and name.split("__")[0] not in known)
    if unknown:
        raise SettingsError(f"no setting {', '.join(unknown)}; known: {', '.join(sorted(known))}")


def _fill_in(spec: object, fixed: dict[str, Any]) -> object:
    return {**fixed, **spec} if isinstance(spec, dict) else spec


def _write_place(place: tuple[int | str, ...]) -> str:
    """Name a setting as it is written; pydantic puts the kind of a spec behind the spec's name."""
    named = place[:2] + place[3:] if place[:1] == ("specs",) else place
    return ".".join(str(part) for part in named)
