import keras
import pytest

from pipelines.inference import policy


@pytest.mark.parametrize("chosen", ["float32", "bfloat16", "float16"])
def test_a_policy_holds_within_its_block_only(chosen):
    def computed():
        layer = keras.layers.Dense(1)
        return layer.compute_dtype, layer.dtype_policy.variable_dtype

    with policy(chosen):
        assert computed() == (chosen, "float32")
    assert computed() == ("float32", "float32")


def test_a_policy_ends_also_when_its_block_fails():
    with pytest.raises(RuntimeError), policy("bfloat16"):
        raise RuntimeError
    assert keras.layers.Dense(1).compute_dtype == "float32"
