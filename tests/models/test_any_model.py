"""Whatever is stored as a model: it forecasts, or it is said to be damaged; a checksum that fits proves nothing."""

import copy
import io
import json
import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest
from any_input import any_number, any_text, feeding
from hypothesis import given, settings
from hypothesis import strategies as st
from scenario import SMALL, SMALL_QUANTILE

from stockrnn.errors import DamagedModelError
from stockrnn.market.calendars import load_calendar
from stockrnn.models import registry
from stockrnn.models.echo_state import EchoStateSpec
from stockrnn.models.median_regression import MedianRegression
from stockrnn.models.price import PriceModel
from stockrnn.models.quantile import QuantileModel
from stockrnn.models.serialization import pack_weights, unpack_weights
from stockrnn.models.windows import PriceScaler
from stockrnn.networks.heads import make_head
from stockrnn.sources.simulated import simulate_bars
from stockrnn.steps.forecast import compute_forecast
from stockrnn.training.requests import Fitted, make_model, make_request
from stockrnn.types import Scope
from stockrnn.types.hashing import hash_bytes

BARS = simulate_bars(
    "SIM-FAT", load_calendar("XNYS", through_year=2021).sessions(date(2012, 1, 3), date(2015, 12, 31))
)
ERRORS = pd.DataFrame(columns=["actual", "predicted", "last_close", "volatility"], dtype="float64")
SPECS = {"price": SMALL, "quantile": SMALL_QUANTILE, "echo_state": EchoStateSpec(lookback=5, units=6, sparsity=0.5)}


def _make_weights(network):
    """Small numbers in the shapes of one recurrent layer and its head, as a training would leave them."""
    gates, seen = 4 * network.units, network.units + network.context
    width = make_head(network.levels).width
    shapes = [(network.inputs, gates), (network.units, gates), (gates,), (seen, width), (width,)]
    return [np.linspace(-0.1, 0.1, int(np.prod(shape)), dtype=np.float32).reshape(shape) for shape in shapes]


def _make_forecaster(spec):
    if spec.kind == "echo_state":
        return spec.fit({"SIM-FAT": BARS}, target="open", seed=0)
    network, common = spec.network, {"windows": 100}
    if spec.kind == "price":
        return PriceModel(
            network=network,
            scaler=PriceScaler.fit(BARS["open"].to_numpy()),
            scaled_on=("2012-01-03", "2015-12-31"),
            weights=_make_weights(network),
            losses=(0.1,),
            **common,
        )
    median = MedianRegression(intercept=0.01, slope=-0.02)
    members = tuple(_make_weights(network) for _ in range(spec.members))
    return QuantileModel(network=network, median=median, members=members, losses=((0.1,),), **common)


@pytest.fixture(scope="module", params=SPECS)
def trained(request):
    spec = SPECS[request.param]
    ticker = "SIM-FAT" if spec.scope == "ticker" else None
    scope = Scope(spec="any", target="open", ticker=ticker, market="simulated")
    asked = make_request(scope, spec, {"SIM-FAT": BARS}, seed=0)
    fitted = Fitted(forecaster=_make_forecaster(spec), train_seconds=1.0)
    return make_model(asked, fitted, trained_at=datetime(2016, 1, 1, tzinfo=UTC))


def _forecasts(model):
    """Whether the model forecasts a price; False where it is said to be damaged, in one line."""
    try:
        registry.fits_prices(SPECS["price"], model, BARS, target="open")
        computed = compute_forecast(model, BARS, ERRORS, target="open", days_ahead=1)
    except DamagedModelError as error:
        said = str(error)
    else:
        assert computed is None or np.isfinite(computed["predicted"])
        return True
    assert said.startswith(f"model {model.model_id}: ")
    assert "\n" not in said
    return False


def _with_weights(model, packed):
    return replace(model, weights=packed, weights_sha256=hash_bytes(packed))


def _unpacked(model):
    return unpack_weights(model.weights, sha256=model.weights_sha256, model_id=model.model_id)


def _places(document, before=()):
    """Return the path of every value of a JSON document."""
    items = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in items:
        yield (*before, key)
        if isinstance(value, dict | list):
            yield from _places(value, (*before, key))


any_json = st.none() | any_number | any_text | st.lists(any_number, max_size=3) | st.just({}) | st.just([[[]]])


def _changed(config, path, value):
    """Return the document with another value at a path; without it where the value is `KeyError`."""
    made = copy.deepcopy(config)
    inner = made
    for key in path[:-1]:
        inner = inner[key]
    if value is KeyError:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return made


def test_the_models_of_these_tests_forecast(trained):
    assert compute_forecast(trained, BARS, ERRORS, target="open", days_ahead=1) is not None


@feeding(None, 100)
def test_a_config_changed_anywhere_forecasts_or_is_said_to_be_damaged(trained, examples):
    places = [path for path in _places(trained.config) if path[0] != "spec"]

    @settings(max_examples=examples)
    @given(st.sampled_from(places), any_json | st.just(KeyError))
    def check(path, value):
        registry._restore.cache_clear()
        _forecasts(replace(trained, config=_changed(trained.config, path, value)))

    check()


@pytest.mark.parametrize("config", [None, [], "", 5, {}, {"kind": "price"}, {"kind": "magic"}, {"kind": []}])
def test_a_config_that_is_none_is_said_to_be_damaged(trained, config):
    assert not _forecasts(replace(trained, config=config))


@feeding(None, 100)
def test_weights_changed_anywhere_forecast_or_are_said_to_be_damaged_though_their_checksum_fits(trained, examples):
    packed = trained.weights

    @settings(max_examples=examples)
    @given(st.integers(0, len(packed) - 1), st.integers(0, 40), st.binary(max_size=8))
    def check(at, length, put):
        _forecasts(_with_weights(trained, packed[:at] + put + packed[at + length :]))

    check()


@pytest.mark.parametrize(
    "change",
    {
        "another shape": lambda weights: [weights[0].T, *weights[1:]],
        "one too few": lambda weights: weights[1:],
        "one too many": lambda weights: [*weights, weights[-1]],
        "none": lambda _: [],
        "another kind": lambda weights: [weights[0].astype("complex64"), *weights[1:]],
        "texts": lambda weights: [weights[0].astype("U8"), *weights[1:]],
        "no numbers": lambda weights: [array * np.nan for array in weights],
    }.values(),
    ids=lambda change: None,
)
def test_weights_that_are_not_the_networks_are_damage(trained, change):
    assert not _forecasts(_with_weights(trained, pack_weights(change(_unpacked(trained)))))


def test_weights_that_claim_to_be_terabytes_ask_for_no_memory(trained):
    header = io.BytesIO()
    np.lib.format.write_array_header_2_0(header, {"descr": "<f4", "fortran_order": False, "shape": (10**6, 10**6)})
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", compression) as archive:
            archive.writestr("000.npy", header.getvalue() + bytes(1_000_000))
        assert not _forecasts(_with_weights(trained, buffer.getvalue()))


@pytest.mark.parametrize("huge", [{"units": 10**6}, {"layers": 10**6}, {"lookback": 10**9}, {"units": 1024}])
def test_a_network_far_larger_than_its_weights_is_not_built(trained, huge):
    config = copy.deepcopy(trained.config)
    config["network"] |= huge
    assert not _forecasts(replace(trained, config=json.loads(json.dumps(config))))


def test_a_number_beyond_all_prices_is_damage_and_no_warning(trained):
    scaler = ("scaler", "data_max")
    numbers = {"price": scaler, "echo_state": scaler, "quantile": ("median", "intercept")}
    for value in (1e10, 1e300):
        config = _changed(trained.config, numbers[trained.config["kind"]], value)
        registry._restore.cache_clear()
        computed = _forecasts(replace(trained, config=config))
        # any price can be stored; the trial refuses bad ones
        assert computed == (trained.config["kind"] != "quantile")
