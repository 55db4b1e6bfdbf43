"""What names of classes must be: one for each class, none twice."""

import re
from collections.abc import Sequence

# What stands between the commas of a flag, is one line and can be written as UTF-8.
_FORM = re.compile(r"(?!\s)[^,\x00-\x1f\x7f\ud800-\udfff]+(?<!\s)")


def check_names(setting: str, names: Sequence[str]) -> None:
    """Raises ValueError unless names can stand in tables and differ.

    Args:
        setting: that has them, for the message.
        names: in the order of the class ids.
    """
    for name in names:
        if not isinstance(name, str) or not _FORM.fullmatch(name):
            raise ValueError(
                f"{setting} must be names of one line without commas and without "
                f"spaces around them, got {name!r}."
            )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(
            f"{setting} must differ, got {', '.join(map(repr, twice))} more than once."
        )


def check_number(names: Sequence[str], num_classes: int, who: str) -> None:
    """Raises ValueError unless there are no names, or one for each class.

    Args:
        names: in the order of the class ids.
        num_classes: classes with the background.
        who: has so many, with the verb: "the run has".
    """
    if names and len(names) != num_classes:
        raise ValueError(
            f"{numbers_in_words(names, num_classes, who)}. Give one name for each id, "
            "the background first."
        )


def numbers_in_words(names: Sequence[str], num_classes: int, who: str) -> str:
    """Returns how many names and classes there are, as a sentence without its stop."""
    numbered = ", ".join(f"{number} {name}" for number, name in enumerate(names))
    return (
        f"class_names gives {len(names)} names ({numbered}), but {who} {num_classes} "
        f"classes, ids 0 to {num_classes - 1}"
    )
