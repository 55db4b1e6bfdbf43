import pytest

from pipelines.config.byte_sizes import in_megabytes, parse_bytes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("700MB", 700_000_000),
        ("1.5 GB", 1_500_000_000),
        ("4gib", 4 * 2**30),
        ("12B", 12),
        ("1kB", 1000),
    ],
)
def test_a_number_and_a_unit_are_bytes(text, expected):
    assert parse_bytes(text, "memory") == expected


@pytest.mark.parametrize("text", ["", "700", "MB", "-1MB", "1,5GB", "7 apples", 700])
def test_anything_else_is_refused_by_name(text):
    with pytest.raises(ValueError, match="memory must be a number and a unit.*700MB"):
        parse_bytes(text, "memory")


def test_sizes_are_rounded_up():
    assert in_megabytes(1_000_001) == "2MB"
    assert in_megabytes(3_000_000) == "3MB"
