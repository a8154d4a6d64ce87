import io
import time
import zipfile
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from stockrnn.errors import DamagedModelError
from stockrnn.models.serialization import pack_weights, unpack_weights
from stockrnn.training.policy import count_sessions, explain_due
from stockrnn.types.hashing import hash_bytes, make_id

WEIGHTS = st.lists(
    arrays.arrays(st.sampled_from([np.float32, np.float64]), arrays.array_shapes(min_dims=0, max_dims=3)), max_size=6
)
INGREDIENTS = {"spec": "tutorial", "epochs": 100, "seed": 0, "data": "ab", "from": date(2020, 1, 2)}


def unpack(packed):
    return unpack_weights(packed, sha256=hash_bytes(packed), model_id="META-open")


@given(WEIGHTS)
def test_weights_come_back_bit_for_bit_and_in_order(weights):
    restored = unpack(pack_weights(weights))
    assert [(w.dtype, w.shape, w.tobytes()) for w in restored] == [(w.dtype, w.shape, w.tobytes()) for w in weights]


def test_more_than_ten_arrays_stay_in_order():
    weights = [np.full(2, i, dtype=np.float32) for i in range(120)]
    assert [w[0] for w in unpack(pack_weights(weights))] == list(range(120))


@given(WEIGHTS)
def test_the_same_weights_give_the_same_bytes(weights):
    assert pack_weights(weights) == pack_weights([w.copy() for w in weights])


def test_the_bytes_do_not_depend_on_the_time(monkeypatch):
    weights = [np.arange(6.0).reshape(2, 3), np.zeros(3, dtype=np.float32)]
    packed = pack_weights(weights)
    monkeypatch.setattr(time, "time", lambda: 2e9)
    monkeypatch.setattr(time, "localtime", lambda *_: time.gmtime(2_000_000_000))
    assert pack_weights(weights) == packed


def test_another_weight_gives_other_bytes():
    assert pack_weights([np.zeros(3)]) != pack_weights([np.array([0, 0, 5e-324])])


def test_the_bytes_are_plain_arrays_that_anyone_can_read():
    packed = pack_weights([np.array([1.5, 2.5])])
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.namelist() == ["000.npy"]
        assert archive.read("000.npy").startswith(b"\x93NUMPY")


def test_nothing_is_pickled_when_written_and_no_pickle_is_opened_when_read():
    objects = np.array([{"a": 1}], dtype=object)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        pack_weights([objects])
    buffer = io.BytesIO()
    np.savez(buffer, **{"000": objects})
    with pytest.raises(ValueError, match="allow_pickle=False"):
        unpack(buffer.getvalue())


@given(st.data())
def test_damaged_weights_are_refused_whichever_byte_it_is(data):
    packed = pack_weights([np.arange(6.0)])
    place = data.draw(st.integers(1, len(packed) - 1))
    damaged = packed[:place] + bytes([packed[place] ^ 1]) + packed[place + 1 :]
    for content in (damaged, packed[:place], packed + b"\0"):
        with pytest.raises(DamagedModelError, match=r"model META-open: .*checksum; restore the database or retrain"):
            unpack_weights(content, sha256=hash_bytes(packed), model_id="META-open")


def test_weights_that_were_pruned_are_no_damage_and_say_so():
    with pytest.raises(DamagedModelError, match="model META-open: its weights were pruned; see keep_days"):
        unpack_weights(b"", sha256=hash_bytes(b"weights"), model_id="META-open")


def test_the_hash_is_sha256():
    # FIPS 180-2, appendix B.1
    assert hash_bytes(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_name_is_readable_words_and_a_digest():
    name = make_id("META", "open", date(2020, 1, 2), made_of=INGREDIENTS)
    words, _, digest = name.rpartition("-")
    assert words == "META-open-2020-01-02"
    assert len(digest) == 10
    assert set(digest) <= set("0123456789abcdef")


def test_a_name_is_the_same_whatever_the_order_of_its_ingredients():
    assert make_id("META", made_of=dict(reversed(INGREDIENTS.items()))) == make_id("META", made_of=INGREDIENTS)


@pytest.mark.parametrize("ingredient", INGREDIENTS)
def test_a_name_depends_on_each_ingredient(ingredient):
    name = make_id("META", made_of=INGREDIENTS)
    assert make_id("META", made_of={**INGREDIENTS, ingredient: "another"}) != name
    assert make_id("META", made_of={k: v for k, v in INGREDIENTS.items() if k != ingredient}) != name


def test_a_name_depends_on_its_words_and_tells_nearby_numbers_apart():
    assert make_id("META", made_of=INGREDIENTS) != make_id("AAPL", made_of=INGREDIENTS)
    assert make_id("M", made_of={"rate": 0.1}) != make_id("M", made_of={"rate": 0.1 + 2e-17})
    assert make_id("M", made_of={"seed": 1}) != make_id("M", made_of={"seed": "1"})


@pytest.mark.parametrize(("every", "sessions"), [("night", 1), ("week", 5), ("month", 21), (3, 3), (1, 1)])
def test_a_model_is_due_again_after_so_many_sessions(every, sessions):
    cutoff = date(2024, 1, 5)
    assert count_sessions(every) == sessions
    assert explain_due(cutoff, every=every, sessions_since=sessions - 1) is None
    assert explain_due(cutoff, every=every, sessions_since=sessions) == (
        f"the last training was on 2024-01-05, {sessions} session{'s' * (sessions > 1)} ago"
    )
    assert explain_due(cutoff, every=every, sessions_since=sessions + 9) is not None


def test_without_a_model_one_is_due():
    assert explain_due(None, every="month", sessions_since=0) == "no model yet"
