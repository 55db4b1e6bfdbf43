import pytest

from pipelines.config import NetworkConfig


def test_the_defaults_leave_to_the_variant_what_depends_on_it():
    settings = NetworkConfig()
    assert settings.variant == "padded"
    assert settings.num_classes is settings.batch_norm is settings.dropout is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("variant", "dense"),
        ("num_classes", 0),
        # Ids of masks are uint8.
        ("num_classes", 256),
        ("dropout", 1.0),
        ("dropout", -0.1),
    ],
)
def test_a_value_out_of_range_is_refused_by_name_and_value(name, value):
    with pytest.raises(ValueError, match=f"^{name} must .*got {value!r}."):
        NetworkConfig(**{name: value})
