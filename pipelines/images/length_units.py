"""Units of length, as image files name them."""

MICRON = "\u00b5m"
# Metres, the symbol that OME-TIFF takes, the word that OME-Zarr takes, other spellings.
_UNITS: tuple[tuple[float, str, str, tuple[str, ...]], ...] = (
    (1e-12, "pm", "picometer", ("picometre",)),
    (1e-10, "\u00c5", "angstrom", ("\u212b", "\u00e5ngstr\u00f6m")),
    (1e-9, "nm", "nanometer", ("nanometre",)),
    (
        1e-6,
        MICRON,
        "micrometer",
        ("micrometre", "micron", "microns", "um", "\\u00b5m", "\u03bcm"),
    ),
    (1e-3, "mm", "millimeter", ("millimetre",)),
    (1e-2, "cm", "centimeter", ("centimetre",)),
    (1.0, "m", "meter", ("metre",)),
    (1e3, "km", "kilometer", ("kilometre",)),
    (0.0254, "in", "inch", ("inches",)),
)
_WORDS_IN_SMALL = {
    name.lower(): symbol
    for _, symbol, word, others in _UNITS
    for name in (word, *others)
}
_METRES = {symbol: metres for metres, symbol, _, _ in _UNITS}
_WORDS = {symbol: word for _, symbol, word, _ in _UNITS}


def symbol_of(unit: str) -> str:
    """Returns the symbol of a unit, as "nm" of "nanometer"; others as they are."""
    unit = unit.strip()
    # Mm is no mm.
    return unit if unit in _METRES else _WORDS_IN_SMALL.get(unit.lower(), unit)


def known_symbol(unit: str) -> str | None:
    """Returns the symbol of a unit of length; None for any other text."""
    symbol = symbol_of(unit)
    return symbol if symbol in _METRES else None


def word_of(unit: str) -> str:
    """Returns the word of a symbol, as "nanometer" of "nm"; others as they are."""
    return _WORDS.get(unit, unit)


def factor(unit: str, other: str) -> float | None:
    """Returns how many of the other unit one of a unit is; None if nobody knows.

    Args:
        unit: a symbol.
        other: a symbol.
    """
    if unit == other:
        return 1.0
    if unit not in _METRES or other not in _METRES:
        return None
    return _METRES[unit] / _METRES[other]
