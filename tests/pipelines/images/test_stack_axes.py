import pytest

from pipelines.images.stack_axes import StackAxis, made_axis, named_stack, time_symbol


@pytest.mark.parametrize(
    ("name", "step", "unit", "expected"),
    [
        ("t", "2.5", "sec", StackAxis("t", 3, 2.5, "s")),
        ("t", 1, "minute", StackAxis("t", 3, 1.0, "min")),
        ("z", 0.3, "micron", StackAxis("z", 3, 0.3, "\u00b5m")),
        ("z", None, "micron", StackAxis("z", 3)),
        ("z", 0, "nm", StackAxis("z", 3)),
        # No unit of its kind: the number alone.
        ("t", 2.5, "micron", StackAxis("t", 3, 2.5)),
        ("z", 2.5, "sec", StackAxis("z", 3, 2.5)),
        ("z", 2.5, None, StackAxis("z", 3, 2.5)),
    ],
)
def test_a_step_is_a_number_with_a_unit_of_its_kind(name, step, unit, expected):
    assert made_axis(name, 3, step, unit) == expected


def test_a_start_needs_a_step():
    assert made_axis("z", 3, 0.5, "nm", -7.0) == StackAxis("z", 3, 0.5, "nm", -7.0)
    assert made_axis("z", 3, None, "nm", -7.0) == StackAxis("z", 3)


@pytest.mark.parametrize("unit", ["ms", "msec", "millisecond"])
def test_a_unit_of_time_has_one_symbol(unit):
    assert time_symbol(unit) == "ms"
    assert time_symbol("nm") is None


def test_words_are_those_of_ome_zarr():
    assert StackAxis("t", 3, 1.0, "ms").word == "millisecond"
    assert StackAxis("z", 3, 1.0, "nm").word == "nanometer"


def test_a_stack_of_other_axes_has_none():
    time, depth = StackAxis("t", 1), StackAxis("z", 4)
    assert named_stack([time, depth]) == (depth,)
    assert named_stack([depth, None]) == ()
