"""What a served model says of itself, through the signature `about`."""

import dataclasses
import json
from typing import Any

import numpy as np

from pipelines.client.failures import Kind, ServerFailure
from pipelines.client.pool import ServerPool
from pipelines.client.server import only

SIGNATURE = "about"


@dataclasses.dataclass(frozen=True)
class About:
    """What the client needs to know of a model.

    Attributes:
        pixel_limit: the most pixels of an image that is taken whole; None if the
            model does not say.
        channels: of the images.
        num_classes: of the masks: 2 for a binary one.
        threshold: on P(foreground), up to two classes.
        scaling: "per_image" or "dtype".
        step: pixels, of which a region's top and left are multiples.
        before: pixels above and on the left of a region that go with it.
        after: pixels below and on the right.
    """

    pixel_limit: int | None
    channels: int
    num_classes: int
    threshold: float | None
    scaling: str
    step: int
    before: int
    after: int


def ask_about(pool: ServerPool) -> About | None:
    """Returns what the model says; None for one that has no such signature.

    Raises:
        ServerFailure: no server answers.
    """
    try:
        outputs = pool.predict(SIGNATURE, {"query": string_array([b""])})
    except ServerFailure as failure:
        if failure.kind is Kind.REFUSED and "signature" in str(failure).lower():
            return None
        raise
    text = only(outputs, SIGNATURE)
    try:
        return _about(json.loads(text[0]))  # type: ignore[index]
    except (TypeError, KeyError, ValueError, IndexError) as error:
        raise ServerFailure(
            f"{pool.servers[0].address.text}: the signature {SIGNATURE} says what this "
            f"version does not understand ({error!r}). Export the model again with it.",
            Kind.REFUSED,
        ) from error


def _about(document: dict[str, Any]) -> About:
    return About(
        pixel_limit=int(document["pixel_limit"]),
        channels=int(document["channels"]),
        num_classes=len(document["classes"]),
        threshold=document["threshold"],
        scaling=document["scaling"],
        step=int(document["alignment"]),
        before=int(document["margin_before"]),
        after=int(document["margin_after"]),
    )


def string_array(values: list[bytes]) -> np.ndarray:
    """Returns bytes as a tensor of strings, (len(values),)."""
    array = np.empty(len(values), object)
    array[:] = values
    return array
