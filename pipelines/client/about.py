"""What a served model says of itself, through the signature `about`."""

import dataclasses
import json
from collections.abc import Mapping

import numpy as np

from pipelines.client.failures import Kind, ServerFailure
from pipelines.client.pool import ServerPool
from pipelines.client.server import ABOUT, Server, only


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


def ask_about(pool: ServerPool, seconds: float | None = None) -> About | None:
    """Returns what the model says on all servers; None for one without the signature.

    Args:
        pool: the servers.
        seconds: that each answer may take, if that is less than usual. Nothing is
            computed for it, but it waits for a thread as predictions do.

    Raises:
        ServerFailure: no server answers, or they do not serve the same model.
    """
    return pool.agreed(lambda server: about_of(server, seconds), _difference)


def about_of(server: Server, seconds: float | None = None) -> About | None:
    """Returns what the model of one server says; as `ask_about`.

    Raises:
        ServerFailure: it does not answer, or says what is not understood.
    """
    inputs = {"query": np.array([b""], object)}
    try:
        return _parsed(server.predict(ABOUT, inputs, seconds), server)
    except ServerFailure as failure:
        if failure.lacks_signature:
            return None
        raise


def _difference(answers: list[tuple[Server, About | None]]) -> str:
    one, about = answers[0]
    other = next(server for server, said in answers if said != about)
    return (
        f"{one.address.text} and {other.address.text} serve different models, of which "
        "no masks can be put together. Wait until all serve the same one, or export it "
        "to all."
    )


def _parsed(outputs: Mapping[str, np.ndarray], server: Server) -> About:
    values = only(outputs, ABOUT)
    try:
        text = values[0]  # type: ignore[index]
        return _about(text.decode() if isinstance(text, bytes) else str(text))
    except (TypeError, KeyError, ValueError, IndexError) as error:
        raise ServerFailure(
            f"{server.address.text}: the signature {ABOUT} says what this "
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
