"""The order in which examples are seen."""

import numpy as np

from stockrnn.networks import make_examples
from stockrnn.networks.examples import shuffled_batches


def test_each_epoch_sees_every_example_once_in_another_order_and_padding_weighs_nothing():
    shuffles = shuffled_batches(19, 8, np.random.default_rng(0))
    orders = []
    for places, sample_weight in (next(shuffles) for _ in range(2)):
        assert places.shape == sample_weight.shape == (3, 8)
        assert sorted(places[sample_weight == 1]) == list(range(19))
        assert sample_weight.sum() == 19
        orders.append(places[sample_weight == 1].tolist())
    assert orders[0] != orders[1]


def test_examples_are_float32_and_without_a_context_have_one_of_no_columns():
    examples = make_examples(np.ones((3, 4, 1)), np.array([1.0, 2.0, 3.0]))
    assert {examples.x.dtype, examples.y.dtype, examples.context.dtype} == {np.dtype(np.float32)}
    assert examples.context.shape == (3, 0)
    assert examples.y.tolist() == [1, 2, 3]
