import pytest

from pipelines.images.length_units import factor, known_symbol, symbol_of, word_of


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("nanometer", "nm"),
        (" Micron", "µm"),
        ("um", "µm"),
        # As ImageJ writes it.
        (r"\u00B5m", "µm"),
        ("\u03bcm", "µm"),
        ("angstrom", "Å"),
        ("inch", "in"),
        ("pixel", "pixel"),
        ("Mm", "Mm"),
        ("Pm", "Pm"),
    ],
)
def test_units_have_one_name(name, symbol):
    assert symbol_of(name) == symbol


def test_other_texts_are_no_units_of_length():
    assert known_symbol("microns") == "µm"
    assert known_symbol("pixel") is known_symbol("") is None


def test_ome_zarr_spells_them_out():
    assert [word_of(unit) for unit in ("µm", "mm", "pixel")] == [
        "micrometer",
        "millimeter",
        "pixel",
    ]


def test_lengths_are_turned_into_each_other():
    assert factor("µm", "nm") == pytest.approx(1000)
    assert factor("in", "cm") == pytest.approx(2.54)
    assert factor("pixel", "pixel") == 1
    assert factor("pixel", "nm") is None
