"""All configuration: `stockrnn.toml` in the working folder, overridden by STOCKRNN_ variables."""

import os
import re
import tomllib
from datetime import date
from importlib.resources.abc import Traversable
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

from stockrnn.errors import MissingTokenError, SettingsError
from stockrnn.files import UnreadableFileError, read_file
from stockrnn.types import (
    BASELINES,
    VOLATILITY_BENCHMARKS,
    Day,
    Days,
    Hours,
    Nights,
    Processes,
    Seconds,
    Target,
    Ticker,
)

SETTINGS_FILE = "stockrnn.toml"
_MAX_BYTES = 1_000_000
_MAX_NAME = 255
_SPEC_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_TOKEN = re.compile(r"[!-~]{1,200}")
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
    database_wait_seconds: Seconds = 90
    tickers: Annotated[tuple[Ticker, ...], NoDecode] = ()
    source: Annotated[tuple[str, ...], NoDecode] = ()
    """Where prices come from, in the order in which sources are asked; empty for the registry's own choice."""
    target: Target = "open"
    spec: str = "quantile"
    seed: int = Field(default=0, ge=0, lt=2**32)
    missed_after_hours: Hours = 12
    settle_hours: Annotated[Hours, Field(le=72)] = 4
    history_from: Day = date(2010, 1, 1)
    requests_per_second: float = Field(default=2, ge=0.001, le=1_000_000)
    inactive_after_nights: Annotated[Nights, Field(ge=2)] = 5
    keep_days: Annotated[Days, Field(ge=366)] = 730
    task_runner: Literal["single", "processes", "dask"] = "processes"
    processes: Processes | None = None
    dask_scheduler: str | None = Field(default=None, pattern=r"^[a-z]+://[^@\s]+$")
    calendars: dict[Ticker, str] = Field(default_factory=dict)
    extra_closures: dict[str, tuple[Day, ...]] = Field(default_factory=dict)
    extra_sessions: dict[str, tuple[Day, ...]] = Field(default_factory=dict)
    """Calendar to days: what its package does not know."""
    specs: dict[str, Any] = Field(default_factory=dict)
    """Name to table, as written; `models.registry` reads them, which knows the kinds of models."""

    @field_validator("tickers", "source", mode="before")
    @classmethod
    def _split_words(cls, value: object) -> object:
        return [part for part in value.replace(",", " ").split() if part] if isinstance(value, str) else value

    @field_validator("home")
    @classmethod
    def _check_home(cls, home: Path) -> Path:
        if "\0" in str(home) or any(len(os.fsencode(part)) > _MAX_NAME for part in home.parts):
            raise ValueError("it can't name a folder")
        try:
            return home.expanduser()
        except RuntimeError:
            raise ValueError("the home folder of that user is not known") from None

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
        return (init_settings, env_settings, _SettingsFile(settings_cls))

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


class _SettingsFile(TomlConfigSettingsSource):
    """`stockrnn.toml` where it stands, whatever it is; without it nothing."""

    @staticmethod
    def _existing_files(files: Any) -> list[Path | Traversable]:  # noqa: ANN401  # the signature is pydantic's
        # a folder would be passed over in silence: Docker makes one where a file to be mounted is missing
        return [path for path in [Path(files)] if os.path.lexists(path)]

    def _read_file(self, path: Path | Traversable) -> dict[str, Any]:
        try:
            content = read_file(Path(str(path)), max_bytes=_MAX_BYTES, if_larger="settings are a few lines")
            return tomllib.loads(content.decode())
        except UnreadableFileError as error:
            raise SettingsError(f"{SETTINGS_FILE} {error}") from None
        except RecursionError:
            raise SettingsError(f"{SETTINGS_FILE} is not valid TOML: too many brackets within brackets") from None
        except ValueError as error:  # TOMLDecodeError, UnicodeDecodeError, and numbers of thousands of digits
            raise SettingsError(f"{SETTINGS_FILE} is not valid TOML: {error}") from None


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
    except SourceError as error:
        raise SettingsError(f"a STOCKRNN_ variable can't be read: {error}") from None
    except ValidationError as error:
        raise SettingsError(describe_problems(error)) from None


def read_secret(variable: str, *, source: str) -> SecretStr:
    """Return what the environment's variable holds: a source's token is in no file and in no settings.

    source: its title, for the error.

    Raises
    ------
    MissingTokenError
        The variable is not set, empty, or holds what can't be a token.
    """
    text = os.environ.get(variable, "").strip()
    if not _TOKEN.fullmatch(text):
        raise MissingTokenError(variable, source=source)
    return SecretStr(text)


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
