"""All configuration: `stockrnn.toml` in the working folder, overridden by STOCKRNN_ variables."""

import os
import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings import SettingsError as SourceError

from stockrnn.errors import SettingsError, UnknownSpecError
from stockrnn.types import BASELINES, Network, Target, Ticker

SETTINGS_FILE = "stockrnn.toml"
_SPEC_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_RESERVED = (*BASELINES, "all")
Every: TypeAlias = Literal["night", "week", "month"] | Annotated[int, Field(ge=1)]


class Spec(BaseModel):
    """A named model configuration. The defaults are the tutorial's.

    `train_sessions` limits a nightly training to the last so many sessions; `every` says when a model is due
    again: each night, week, month, or after so many sessions.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    lookback: int = Field(default=40, ge=2, le=1000)
    layers: int = Field(default=4, ge=1, le=16)
    units: int = Field(default=45, ge=1, le=1024)
    dropout: float = Field(default=0.2, ge=0, lt=1)
    epochs: int = Field(default=100, ge=1, le=100_000)
    batch_size: int = Field(default=32, ge=1, le=4096)
    learning_rate: float = Field(default=0.001, gt=0, le=1)
    train_sessions: int = Field(default=1258, ge=3)
    every: Every = "week"

    @property
    def network(self) -> Network:
        """The part of the spec that one compiled training step depends on."""
        return Network(
            lookback=self.lookback,
            layers=self.layers,
            units=self.units,
            dropout=self.dropout,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
        )


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
    tickers: Annotated[tuple[Ticker, ...], NoDecode] = ()
    target: Target = "open"
    spec: str = "tutorial"
    seed: int = Field(default=0, ge=0, lt=2**32)
    missed_after_hours: float = Field(default=12, ge=0)
    settle_hours: float = Field(default=4, ge=0, le=72)
    history_from: date = date(2010, 1, 1)
    requests_per_second: float = Field(default=2, gt=0)
    inactive_after_nights: int = Field(default=5, ge=2)
    calendars: dict[Ticker, str] = Field(default_factory=dict)
    specs: dict[str, Spec] = Field(default_factory=dict)

    @field_validator("tickers", mode="before")
    @classmethod
    def _split_tickers(cls, value: object) -> object:
        return [part for part in value.replace(",", " ").split() if part] if isinstance(value, str) else value

    @field_validator("specs")
    @classmethod
    def _add_tutorial(cls, specs: dict[str, Spec]) -> dict[str, Spec]:
        for name in specs:
            if name in _RESERVED or not _SPEC_NAME.fullmatch(name):
                raise ValueError(
                    f"{name!r} can't name a spec: use lower case, digits, - and _, at most 32, no baseline"
                )
        return {"tutorial": Spec(), **specs}

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

    def get_spec(self, name: str) -> Spec:
        """Return the spec called `name`; `UnknownSpecError` if there is none."""
        try:
            return self.specs[name]
        except KeyError:
            raise UnknownSpecError(name, list(self.specs)) from None

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
        problems = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}" for problem in error.errors()
        )
        raise SettingsError(f"settings ({SETTINGS_FILE} or STOCKRNN_ variables): {problems}") from None


def _refuse_unknown_variables() -> None:
    """Refuse a misspelt variable, which would otherwise be ignored in silence."""
    known = {f"STOCKRNN_{name}".upper() for name in Settings.model_fields}
    named = (name.upper() for name in os.environ)
    unknown = sorted(name for name in named if name.startswith("STOCKRNN_") and name.split("__")[0] not in known)
    if unknown:
        raise SettingsError(f"no setting {', '.join(unknown)}; known: {', '.join(sorted(known))}")
