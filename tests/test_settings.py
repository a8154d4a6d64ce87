from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from stockrnn.errors import SettingsError, UnknownSpecError
from stockrnn.models.price import PriceSpec
from stockrnn.models.quantile import QuantileSpec
from stockrnn.models.registry import get_spec, nightly_specs, read_specs
from stockrnn.settings import SETTINGS_FILE, load_settings
from stockrnn.types import Network
from stockrnn.types.networks import CellOptions

HOUSE = ["echo_state", "gru", "lstm_coupled", "lstm_peephole", "quantile", "rnn", "tutorial"]


def write(text):
    Path(SETTINGS_FILE).write_text(text, encoding="utf-8")


def test_without_a_file_the_defaults_are_the_designs():
    settings = load_settings()
    assert settings.home == Path("stockrnn-data")
    assert settings.reports == Path("stockrnn-data/reports")
    assert settings.database_url is None
    assert settings.tickers == ()
    assert (settings.target, settings.spec, settings.seed) == ("open", "quantile", 0)
    assert nightly_specs(settings) == ("quantile", "tutorial")
    assert settings.missed_after_hours == 12
    assert sorted(read_specs(settings)) == HOUSE


def test_the_tutorials_other_networks_are_its_model_with_another_cell_and_no_night_works_on_them():
    specs = read_specs(load_settings())
    for name in ("rnn", "gru", "lstm_peephole", "lstm_coupled"):
        assert specs[name] == PriceSpec(cell=name, nightly=False)


def test_a_training_is_named_by_the_settings_it_had_before_there_were_remedies_unless_one_is_set():
    assert get_spec(load_settings(), "tutorial").training_config() == {
        "kind": "price", "lookback": 40, "train_sessions": 1258, "cell": "lstm", "layers": 4, "units": 45,
        "dropout": 0.2, "epochs": 100, "batch_size": 32, "learning_rate": 0.001,
    }  # fmt: skip
    write("[specs.tutorial]\nclip_norm = 1\npenalty = {l2 = 0.1}\nforget_bias = 2\n")
    told = get_spec(load_settings(), "tutorial").training_config()
    assert (told["clip_norm"], told["penalty"], told["forget_bias"]) == (1.0, {"l1": 0.0, "l2": 0.1}, 2.0)


def test_what_a_spec_of_any_recurrent_kind_says_of_its_cell_reaches_the_network():
    write(
        "[specs.quantile]\ncell = 'lstm_peephole'\npeepholes = ['forget']\n"
        "[specs.rnn]\nactivation = 'relu'\nrecurrent_initializer = 'identity'\ntruncate_after = 10\n"
    )
    specs = read_specs(load_settings())
    assert specs["quantile"].network.cell_options == CellOptions(peepholes=("forget",))
    assert specs["rnn"].network.cell_options == CellOptions(
        activation="relu", recurrent_initializer="identity", truncate_after=10
    )


def test_the_spec_tutorial_is_the_tutorials_model():
    tutorial = get_spec(load_settings(), "tutorial")
    assert tutorial.network == Network(
        lookback=40, layers=4, units=45, dropout=0.2, batch_size=32, learning_rate=0.001
    )
    assert (tutorial.epochs, tutorial.train_sessions) == (100, 1258)


def test_the_tutorial_is_trained_from_scratch_each_week_and_warm_in_between_the_house_model_each_week():
    tutorial, quantile = (get_spec(load_settings(), name) for name in ("tutorial", "quantile"))
    assert (tutorial.every, tutorial.mode, tutorial.max_age) == ("night", "warm", "week")
    assert (quantile.every, quantile.mode) == ("week", "full")


def test_a_partly_set_house_spec_keeps_its_kind_and_its_other_defaults():
    write("[specs.quantile]\nmembers = 5\n[specs.mine]\nkind = 'quantile'\nunits = 8\n")
    specs = read_specs(load_settings())
    assert (specs["quantile"].members, specs["quantile"].units) == (5, 32)
    assert (specs["mine"].kind, specs["mine"].members) == ("quantile", 3)


def test_a_night_works_on_the_nightly_specs_that_of_the_settings_first():
    write("spec = 'tutorial'\n[specs.mine]\n[specs.idle]\nnightly = false\n")
    assert nightly_specs(load_settings()) == ("tutorial", "mine", "quantile")


def test_the_file_in_the_working_folder_is_read():
    write('home = "elsewhere"\ntickers = ["meta", "BRK-B"]\nspec = "small"\n[specs.small]\nunits = 8\nevery = 3\n')
    settings = load_settings()
    assert settings.home == Path("elsewhere")
    assert settings.tickers == ("META", "BRK-B")
    assert get_spec(settings, settings.spec) == PriceSpec(units=8, every=3)
    assert get_spec(settings, "tutorial") == PriceSpec()


def test_the_environment_wins_over_the_file_and_an_argument_over_both(monkeypatch):
    write('target = "high"\nseed = 1\nmissed_after_hours = 1\n')
    monkeypatch.setenv("STOCKRNN_SEED", "2")
    monkeypatch.setenv("STOCKRNN_MISSED_AFTER_HOURS", "2")
    settings = load_settings(missed_after_hours=3)
    assert (settings.target, settings.seed, settings.missed_after_hours) == ("high", 2, 3)


def test_a_nested_variable_changes_one_value_and_keeps_the_others(monkeypatch):
    monkeypatch.setenv("STOCKRNN_SPECS__TUTORIAL__EPOCHS", "5")
    specs = read_specs(load_settings())
    assert (specs["quantile"], specs["tutorial"]) == (QuantileSpec(), PriceSpec(epochs=5))
    write("[specs.tutorial]\nunits = 10\nepochs = 7\n[specs.deep]\nlayers = 6\n")
    specs = read_specs(load_settings())
    assert (specs["tutorial"], specs["deep"]) == (PriceSpec(epochs=5, units=10), PriceSpec(layers=6))


@pytest.mark.parametrize("text", ["META, AAPL", "META AAPL", "meta,aapl,", "META,\n AAPL"])
def test_tickers_in_the_environment_are_separated_by_commas_or_spaces(monkeypatch, text):
    monkeypatch.setenv("STOCKRNN_TICKERS", text)
    assert load_settings().tickers == ("META", "AAPL")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("seed = = 1", "stockrnn.toml is not valid TOML.*line 1"),
        ("colour = 1", "colour"),
        ("[specs.tutorial]\ncolour = 1", "specs.tutorial.colour"),
        ('tickers = ["META", "../../x"]', r"tickers\.1.*'\.\./\.\./x' is not a ticker"),
        ("[specs.naive]", "specs: .*'naive' can't name a spec"),
        ("[specs.last_close]", "specs: .*'last_close' can't name a spec"),
        ('[specs."../x"]', r"specs: .*'\.\./x' can't name a spec"),
        ("[specs.Big]", "specs: .*'Big' can't name a spec"),
        (f"[specs.{'a' * 33}]", "can't name a spec"),
        ("[specs.tutorial]\nepochs = 0", "specs.tutorial.epochs: .*greater than or equal to 1"),
        ("[specs.tutorial]\ndropout = 1.0", "specs.tutorial.dropout"),
        ("[specs.tutorial]\nlookback = 1", "specs.tutorial.lookback"),
        ('[specs.tutorial]\nevery = "year"', "specs.tutorial.every"),
        ("[specs.tutorial]\nevery = 0", "specs.tutorial.every"),
        ("seed = -1", "seed"),
        ("seed = 4294967296", "seed"),
        ('target = "volume"', "target: .*'adj_close'"),
        ("specs.tutorial = 5", "specs.tutorial is 5; expected a table"),
        ('[specs.tutorial]\nkind = "quantile"', "specs.tutorial is of kind price; give .* another name"),
        ('[specs.mine]\nkind = "magic"', "no kind of model 'magic'; known: echo_state, price, quantile"),
        ('[specs.mine]\ncell = "magic"', "specs.mine.cell: .*no cell 'magic'; known: gru, lstm, .*minimal_lstm, rnn"),
        (
            "[specs.echo_state]\nspectral_radius = -0.5",
            "specs.echo_state.spectral_radius: .*greater than or equal to 0",
        ),
        ("[specs.gru]\nclip_norm = 0", "specs.gru.clip_norm: .*greater than 0"),
        ("[specs.gru]\ntruncate_after = 0", "specs.gru.truncate_after: .*greater than or equal to 1"),
        ("[specs.gru]\npenalty = {l1 = -1}", "specs.gru.penalty.l1: .*greater than or equal to 0"),
        ("[specs.gru]\npenalty = {l3 = 1}", "specs.gru.penalty.l3: "),
        ("[specs.gru]\npenalty = 0.1", "specs.gru.penalty: "),
        ('[specs.rnn]\nactivation = "cosh"', "specs.rnn.activation: .*'tanh', 'relu', 'sigmoid' or 'linear'"),
        (
            '[specs.rnn]\nrecurrent_initializer = "zeros"',
            "specs.rnn.recurrent_initializer: .*'orthogonal', 'glorot_uniform' or 'identity'",
        ),
        ('[specs.lstm_peephole]\npeepholes = ["cell"]', "peepholes.0: .*'input', 'forget' or 'output'"),
        ("[specs.lstm_peephole]\npeepholes = []", "specs.lstm_peephole.peepholes: "),
        (
            '[specs.gru]\npeepholes = ["input"]',
            "specs.gru: .*'gru' has no peepholes, only lstm_peephole has; 'gru' has recurrent_initializer, trunc",
        ),
        ("[specs.tutorial]\nactivation = 'relu'", "specs.tutorial: .*'lstm' has no activation, only rnn has"),
        (
            "[specs.quantile]\ncell = 'gru'\nforget_bias = 1",
            "specs.quantile: .*'gru' has no forget_bias, only lstm, ",
        ),
        ("[specs.quantile]\nmost_windows = 100", "specs.quantile.most_windows is called max_windows now"),
    ],
)
def test_what_is_not_allowed_in_the_file_is_refused_by_name(text, named):
    write(text)
    with pytest.raises(SettingsError, match=named) as refused:
        read_specs(load_settings())
    assert refused.value.exit_code == 2
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("STOCKRNN_SEED", "x", "seed"),
        ("STOCKRNN_TICKERS", "META, A;drop", "tickers.1"),
        ("STOCKRNN_SPECS", "not json", "specs"),
        ("STOCKRNN_SPECS__TUTORIAL", "5", "specs.tutorial"),
        ("STOCKRNN_SPECS__TUTORIAL__EPOCHS", "many", "specs.tutorial.epochs"),
    ],
)
def test_what_is_not_allowed_in_the_environment_is_refused_by_name(monkeypatch, name, value, named):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=named):
        read_specs(load_settings())


def test_every_problem_is_named_at_once():
    write('seed = -1\ntarget = "volume"\n')
    with pytest.raises(SettingsError, match=r"(?=.*seed: )(?=.*target: )"):
        load_settings()


def test_a_file_that_is_no_text_is_refused():
    Path(SETTINGS_FILE).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match=r"stockrnn\.toml is not valid TOML"):
        load_settings()


def test_an_unknown_spec_is_refused_with_those_that_exist():
    write("[specs.small]\nunits = 8\n")
    said = r"no spec 'big'; known: echo_state, gru, .*, rnn, small, tutorial; define it as \[specs\.big\]"
    with pytest.raises(UnknownSpecError, match=said):
        get_spec(load_settings(), "big")


def test_the_database_url_never_appears_in_what_is_printed(monkeypatch):
    monkeypatch.setenv("STOCKRNN_DATABASE_URL", "postgresql://user:secret@host/database")
    settings = load_settings()
    assert settings.database_url == SecretStr("postgresql://user:secret@host/database")
    for text in (repr(settings), str(settings), str(settings.model_dump()), settings.model_dump_json()):
        assert "secret" not in text.replace("SecretStr", "")
        assert "host" not in text
    monkeypatch.setenv("STOCKRNN_SEED", "-1")
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert "host" not in str(refused.value)


def test_settings_and_specs_do_not_change(settings):
    with pytest.raises(ValidationError, match="frozen"):
        settings.seed = 1
    with pytest.raises(ValidationError, match="frozen"):
        get_spec(settings, "tutorial").epochs = 1


def test_a_misspelt_variable_is_refused_instead_of_ignored(monkeypatch):
    monkeypatch.setenv("STOCKRNN_TICKER", "META")
    with pytest.raises(SettingsError, match=r"no setting STOCKRNN_TICKER; known: .*STOCKRNN_TICKERS"):
        load_settings()


@pytest.mark.parametrize("how", ["file", "environment"])
def test_a_home_in_the_users_own_folder_is_found(monkeypatch, tmp_path, how):
    monkeypatch.setenv("HOME", str(tmp_path))
    if how == "file":
        write('home = "~/data"')
    else:
        monkeypatch.setenv("STOCKRNN_HOME", "~/data")
    assert load_settings().home == tmp_path / "data"


def test_the_home_of_a_user_that_does_not_exist_is_refused():
    write('home = "~nobody-of-that-name/data"')
    with pytest.raises(SettingsError, match="home folder of that user is not known"):
        load_settings()
