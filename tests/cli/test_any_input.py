"""Whatever stands in an option or a setting: an answer, or one line that says what is wrong; never a traceback."""

import json
from pathlib import Path

import pytest
from any_input import any_number, any_text, feeding, nasty
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from stockrnn.errors import SettingsError
from stockrnn.models.registry import read_specs
from stockrnn.models.spec import Spec
from stockrnn.settings import SETTINGS_FILE, Settings, load_settings

# What each command may be given; the values are hypothesis'.
OPTIONS = (
    ("status", "--format"),
    ("sql",),
    ("sql", "--format", "csv", "forecast_vs_actual", "--param"),
    *(("sql", name, "--param", f"{key}=") for name in ("models", "runs") for key in ("ticker", "spec")),
    ("forecast", "--ticker"),
    ("forecast", "--ticker", "SIM-FAT", "--spec"),
    ("forecast", "--ticker", "SIM-FAT", "--as-of"),
    ("score", "--as-of"),
    ("score", "--ticker"),
    ("report", "--ticker"),
    ("retrain", "--ticker", "SIM-FAT", "--spec"),
    ("retrain", "--ticker", "SIM-WALK", "--as-of"),
    ("retrain", "--ticker", "SIM-WALK", "--epochs"),
    ("backtest", "--ticker", "SIM-WALK", "--holdout"),
    ("backtest", "--ticker", "SIM-WALK", "--holdout", "2012-01", "--train-from"),
    ("backtest", "--ticker", "SIM-WALK", "--holdout", "2012-01", "--processes"),
    ("prices", "import", "good.csv", "--ticker"),
    ("prices", "import", "good.csv", "--ticker", "META", "--calendar"),
    ("prices", "import", "good.csv", "--ticker", "META", "--currency"),
    ("prices", "import", "--ticker", "META"),
    ("prices", "update", "--source"),
    ("prices", "update", "--source", "simulated", "--ticker", "SIM-FAT", "--as-of"),
    ("prices", "check", "--ticker"),
    ("prices", "resolve", "--session", "2022-06-06", "--ticker"),
    ("prices", "resolve", "--ticker", "META", "--session"),
    ("models", "list", "--spec"),
    ("models", "list", "--ticker"),
    ("models", "show"),
    ("models", "promote"),
    ("models", "rollback", "--spec", "tutorial", "--ticker"),
    ("models", "rollback", "--spec"),
    ("replay",),
    ("replay", "--all", "--since"),
    ("db",),
    ("nightly", "--spec"),
    ("nightly", "--epochs"),
    ("nightly", "--source"),
)  # fmt: skip
ROWS = "".join(f"2024-04-{day:02},10,12,9,11,11,1000\n" for day in (1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 15, 16))


@pytest.fixture
def answered(cli):
    """Run a command line that may be wrong: it ends with a code of ours, and says in plain words what is wrong."""

    def run(*words):
        result = cli(*words)
        assert result.code in {0, 1, 2}, words
        assert "Traceback" not in result.err + result.out, words
        assert result.err or result.code == 0, words
        errors = [line for line in result.err.splitlines() if line.startswith(("error: ", "Error: "))]
        assert result.code == 0 or errors or result.err.startswith(("problem: ", "Usage: ")), (words, result.err)

    return run


def _arguments(before, text):
    return [*before[:-1], before[-1] + text] if before[-1].endswith("=") else [*before, text]


@feeding(None, 60)
def test_any_text_as_any_option_is_answered_in_words(answered, market, examples):
    market.trade("2012-03-30", "SIM-FAT")
    Path("good.csv").write_text(f"Date,Open,High,Low,Close,Adj Close,Volume\n{ROWS}")

    @settings(max_examples=examples)
    @given(st.sampled_from(OPTIONS), any_text)
    def check(before, text):
        answered(*_arguments(before, text))

    check()


def test_every_option_answers_the_values_that_have_broken_it_before(answered, market):
    market.trade("2012-03-30", "SIM-FAT")
    for words in (
        ("prices", "update", "--source", "simulated", "--ticker", "SIM-FAT", "--as-of", "1900-01-01"),
        ("retrain", "--ticker", "SIM-FAT", "--epochs", "999999999999"),
        ("backtest", "--ticker", "SIM-FAT", "--holdout", "0001-01:9999-12"),
        ("backtest", "--ticker", "SIM-FAT", "--holdout", "1900-01:1900-12"),
        ("sql", "models", "--param", "ticker=\udcff"),
        ("replay", "--all", "--since", "0001-01-01"),
        ("models", "show", "\udcff"),
    ):
        answered(*words)


def _settings_of(model, prefix=()):
    return [(*prefix, name) for name in model.model_fields if name not in {"specs", "calendars", "database_url"}]


def _paths():
    specs = read_specs(Settings())
    nested = [path for name in ("tutorial", "quantile") for path in _settings_of(type(specs[name]), ("specs", name))]
    return [
        *_settings_of(Settings),
        *nested,
        ("specs", "mine"),
        ("calendars", "META"),
        ("calendars",),
        ("specs",),
        ("x",),
    ]


def _is_read():
    """Read the settings as every command does; what is not allowed is one line."""
    refused = ""
    try:
        read_specs(load_settings())
    except SettingsError as error:
        refused = str(error)
    assert "\n" not in refused


def _write_toml(path, value):
    *tables, name = (json.dumps(part) for part in path)
    header = f"[{'.'.join(tables)}]\n" if tables else ""
    written = {float("inf"): "inf", float("-inf"): "-inf"}.get(value) if isinstance(value, float) else None
    written = written or json.dumps(value, ensure_ascii=False).replace("NaN", "nan")
    Path(SETTINGS_FILE).write_text(f"{header}{name} = {written}\n", encoding="utf-8", errors="surrogateescape")


any_value = any_number | any_text | st.lists(any_number | any_text, max_size=3)


@feeding(60, 400)
def test_any_value_of_any_setting_in_the_file_is_taken_or_refused_in_one_line(examples):
    paths = _paths()

    @settings(max_examples=examples)
    @given(st.sampled_from(paths), any_value)
    def check(path, value):
        _write_toml(path, value)
        _is_read()

    check()


@feeding(60, 400)
def test_any_text_in_any_variable_is_taken_or_refused_in_one_line(monkeypatch, examples):
    paths = _paths()

    @settings(max_examples=examples)
    @given(st.sampled_from(paths), any_text | any_number.map(str) | any_value.map(json.dumps))
    def check(path, text):
        assume("\0" not in text)
        with monkeypatch.context() as patch:
            patch.setenv("__".join(("STOCKRNN", *path)).upper().replace("STOCKRNN__", "STOCKRNN_"), text)
            _is_read()

    check()


@feeding(40, 300)
def test_any_bytes_as_the_settings_file_are_read_or_refused_in_one_line(examples):
    @settings(max_examples=examples)
    @given(st.binary(max_size=200) | nasty.map(lambda text: text.encode(errors="surrogateescape")))
    def check(content):
        Path(SETTINGS_FILE).write_bytes(content)
        _is_read()

    check()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("a = " + "[" * 5000, "is not valid TOML: too many brackets within brackets"),
        ("seed = " + "1" * 5000, "is not valid TOML: "),
        ("# " + "x" * 1_000_001, "is larger than 1 MB; settings are a few lines"),
    ],
    ids=["brackets", "digits", "size"],
)
def test_a_settings_file_that_would_break_its_parser_is_refused_in_one_line(content, says):
    Path(SETTINGS_FILE).write_text(content)
    with pytest.raises(SettingsError, match=says) as refused:
        load_settings()
    assert "\n" not in str(refused.value)


def test_a_settings_file_that_is_a_folder_is_not_passed_over_in_silence():
    Path(SETTINGS_FILE).mkdir()  # what Docker makes where a file to be mounted is missing
    with pytest.raises(SettingsError, match=r"stockrnn\.toml is a folder"):
        load_settings()


def test_every_number_of_a_setting_has_an_upper_bound():
    specs = read_specs(Settings())
    for model in (Settings, *(type(spec) for spec in specs.values())):
        for name, field in model.model_fields.items():
            if "float" in str(field.annotation) or "int" in str(field.annotation):
                schema = model.model_json_schema()["properties"][name]
                bounds = [part for part in schema.get("anyOf", [schema]) if part.get("type") in {"integer", "number"}]
                assert all({"maximum", "exclusiveMaximum"} & part.keys() for part in bounds), (model, name)
    assert issubclass(type(specs["tutorial"]), Spec)
