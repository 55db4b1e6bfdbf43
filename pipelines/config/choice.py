"""One setting that was left open, as it was decided."""

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class Choice:
    """A setting that was left open.

    Attributes:
        name: of the setting.
        value: what was chosen.
        reason: why, in words.
    """

    name: str
    value: Any
    reason: str

    @classmethod
    def from_json(cls, choice: dict[str, Any]) -> "Choice":
        """Returns a choice as it was before it became JSON, which has no tuples."""
        value = choice["value"]
        value = tuple(value) if isinstance(value, list) else value
        return cls(choice["name"], value, choice["reason"])
