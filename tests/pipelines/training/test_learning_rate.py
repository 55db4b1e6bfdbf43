import keras
import pytest

from pipelines.training.learning_rate import learning_rate


class OfMyOwn(keras.optimizers.SGD):
    """An optimizer that must be told its rate."""

    def __init__(self, learning_rate):
        super().__init__(learning_rate)


class LikeAdam(keras.optimizers.Adam):
    """One of Adam's kin."""


def slow_adam(learning_rate=1e-5):
    return keras.optimizers.Adam(learning_rate)


@pytest.fixture
def chosen(fit_config):
    return lambda **settings: learning_rate(fit_config("unused", **settings))


@pytest.mark.parametrize(
    "optimizer",
    [
        *(f"keras.optimizers:{name}" for name in ("Adam", "AdamW", "Adamax", "Nadam")),
        "keras.optimizers:RMSprop:rho=0.8",
        f"{__name__}:LikeAdam",
        f"{__name__}:slow_adam",
    ],
)
def test_adam_and_its_kin_get_the_rate_that_suits_the_net(chosen, optimizer):
    found = chosen(optimizer=optimizer)
    assert (found.value, found.reason) == (2e-3, "with batch normalisation")
    found = chosen(optimizer=optimizer, batch_norm=False)
    assert (found.value, found.reason) == (2e-4, "without batch normalisation")
    assert chosen(optimizer=optimizer, variant="paper").value == 2e-4


@pytest.mark.parametrize(
    ("optimizer", "rate"),
    [
        ("keras.optimizers:SGD", 0.01),
        ("keras.optimizers:SGD:momentum=0.9", 0.01),
        ("keras.optimizers:Adagrad", 0.001),
    ],
)
def test_other_optimizers_keep_their_own_rate(chosen, optimizer, rate):
    for batch_norm in (True, False):
        found = chosen(optimizer=optimizer, batch_norm=batch_norm)
        assert found.value == rate
        assert found.reason.startswith("the optimizer's own default")


def test_an_optimizer_without_a_default_gets_that_of_adam(chosen):
    found = chosen(optimizer=f"{__name__}:OfMyOwn")
    assert found.value == 2e-3
    assert found.reason.endswith("this optimizer has no default of its own")


def test_the_rate_of_an_optimizers_path_is_the_one_that_is_told(chosen):
    found = chosen(optimizer="keras.optimizers:SGD:learning_rate=0.5")
    assert (found.value, found.reason) == (0.5, "as the optimizer's path sets it")


@pytest.mark.parametrize(
    ("name", "rate"),
    [("LazyAdam", 2e-3), ("RectifiedAdam", 2e-3), ("AdaBelief", 2e-3), ("Yogi", 0.01)],
)
def test_kin_of_adam_are_known_in_tensorflow_addons_too(chosen, name, rate):
    pytest.importorskip("tensorflow_addons")
    found = chosen(optimizer=f"tensorflow_addons.optimizers:{name}")
    assert found.value == rate
