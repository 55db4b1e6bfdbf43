import random

import numpy as np
import pytest

from pipelines.training.random_states import of_the_caller


def draws():
    return random.random(), np.random.random()


def test_draws_go_on_as_if_nothing_had_been_seeded_between():
    random.seed(3)
    np.random.seed(3)
    expected = [draws(), draws()]
    random.seed(3)
    np.random.seed(3)
    found = [draws()]
    with pytest.raises(KeyError), of_the_caller():
        random.seed(0)
        np.random.seed(0)
        raise KeyError
    assert [*found, draws()] == expected
