"""What a served model says of itself, through the signature `about`."""

import dataclasses
import json
from collections.abc import Callable, Mapping
from typing import TypeVar

import numpy as np

from pipelines.client.failures import Kind, ServerFailure
from pipelines.client.pool import ServerPool
from pipelines.client.server import Server, only

SIGNATURE = "about"

Answer = TypeVar("Answer")


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
        text: all that the model says, its weights' checksum among it: what tells it
            from others.
    """

    pixel_limit: int | None
    channels: int
    num_classes: int
    threshold: float | None
    scaling: str
    step: int
    before: int
    after: int
    text: str


def ask_about(pool: ServerPool) -> About | None:
    """Returns what the model says; None for one that has no such signature.

    Raises:
        ServerFailure: no server answers.
    """
    outputs = _unless_silent(pool.predict)
    return None if outputs is None else _parsed(outputs, pool.servers[0])


def ask_all_about(pool: ServerPool) -> tuple[About, ServerPool] | None:
    """Returns what the model says on all servers; as `ask_about`.

    Returns:
        What they say, and those that have said it: others may serve another model.

    Raises:
        ServerFailure: no server answers, or they do not serve the same model.
    """
    answers = _unless_silent(pool.predict_each)
    if answers is None:
        return None
    first, *others = [(server, _parsed(outputs, server)) for server, outputs in answers]
    for server, about in others:
        if about != first[1]:
            raise ServerFailure(
                f"{first[0].address.text} and {server.address.text} serve different "
                "models under one version, of which no mask can be put together. "
                "Export one of them to all.",
                Kind.REFUSED,
            )
    return first[1], pool.of_those([server for server, _ in answers])


def _unless_silent(
    ask: Callable[[str, Mapping[str, np.ndarray]], Answer],
) -> Answer | None:
    """Returns what is answered; None of a model without the signature."""
    try:
        return ask(SIGNATURE, {"query": string_array([b""])})
    except ServerFailure as failure:
        if failure.kind is Kind.REFUSED and "signature" in str(failure).lower():
            return None
        raise


def _parsed(outputs: Mapping[str, np.ndarray], server: Server) -> About:
    values = only(outputs, SIGNATURE)
    try:
        text = values[0]  # type: ignore[index]
        return _about(text.decode() if isinstance(text, bytes) else str(text))
    except (TypeError, KeyError, ValueError, IndexError) as error:
        raise ServerFailure(
            f"{server.address.text}: the signature {SIGNATURE} says what this "
            f"version does not understand ({error!r}). Export the model again with it.",
            Kind.REFUSED,
        ) from error


def _about(text: str) -> About:
    document = json.loads(text)
    return About(
        text=text,
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
