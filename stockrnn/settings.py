"""All configuration: `stockrnn.toml` in the working folder, overridden by STOCKRNN_ variables."""

import os
import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings import SettingsError as SourceError

from stockrnn.errors import SettingsError
from stockrnn.types import BASELINES, VOLATILITY_BENCHMARKS, Target, Ticker

SETTINGS_FILE = "stockrnn.toml"
_SPEC_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_RESERVED = (*BASELINES, *VOLATILITY_BENCHMARKS, "all")


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
    file_mode: Literal["private", "group"] = "private"
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
    dask_scheduler: str | None = Field(default=None, pattern=r"^[a-z]+://[^@\s]+$")
    calendars: dict[Ticker, str] = Field(default_factory=dict)
    specs: dict[str, Any] = Field(default_factory=dict)
    """Name to table, as written; `models.registry` reads them, which knows the kinds of models."""

    @field_validator("tickers", mode="before")
    @classmethod
    def _split_tickers(cls, value: object) -> object:
        return [part for part in value.replace(",", " ").split() if part] if isinstance(value, str) else value

    @field_validator("specs")
    @classmethod
    def _check_names(cls, specs: dict[str, Any]) -> dict[str, Any]:
        for name in specs:
            if name in _RESERVED or not _SPEC_NAME.fullmatch(name):
                raise ValueError(
                    f"{name!r} can't name a spec: use lower case, digits, - and _, at most 32, no baseline"
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

    @property
    def umask(self) -> int:
        """What new files and folders are shut to: everyone else, or all outside the group.

        A group may write, too, for whoever reads a SQLite store in use writes a file beside it.
        """
        return 0o077 if self.file_mode == "private" else 0o007

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
        raise SettingsError(describe_problems(error)) from None


def describe_problems(error: ValidationError, *, within: tuple[str, ...] = ()) -> str:
    """Say in one line which settings are not allowed and why; `within` is the table that was checked."""
    problems = (
        f"{'.'.join(str(part) for part in (*within, *problem['loc']))}: {problem['msg']}"
        for problem in error.errors()
    )
    return f"settings ({SETTINGS_FILE} or STOCKRNN_ variables): {'; '.join(problems)}"


def _refuse_unknown_variables() -> None:
    """Refuse a misspelt variable, which would otherwise be ignored in silence."""
    known = {f"STOCKRNN_{name}".upper() for name in Settings.model_fields}
    named = (name.upper() for name in os.environ)
    unknown = sorted(name for name in named if name.startswith("STOCKRNN_") and name.split("__")[0] not in known)
    if unknown:
        raise SettingsError(f"no setting {', '.join(unknown)}; known: {', '.join(sorted(known))}")
