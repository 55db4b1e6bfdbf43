"""What the client asks of a server, over whichever transport."""

import dataclasses
import enum
from collections.abc import Mapping
from typing import Protocol

import numpy as np

from pipelines.client.addresses import Address
from pipelines.client.failures import Kind, ServerFailure
from pipelines.client.token import VARIABLE


@dataclasses.dataclass(frozen=True)
class VersionState:
    """State of one version: AVAILABLE is the one that answers."""

    version: int
    state: str
    message: str


class Server(Protocol):
    """One model on one server. Its methods may be called from several threads."""

    address: Address

    def states(self) -> list[VersionState]:
        """Returns the states of the model's versions, newest first.

        Raises:
            ServerFailure: there was no answer, or another one.
        """

    def answering_version(self) -> int:
        """Returns the version that answers at the address: its label's, or the newest.

        Raises:
            ServerFailure: there was no answer, or no version answers.
        """

    def predict(
        self, signature: str, inputs: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Runs a signature.

        Args:
            signature: its name.
            inputs: by name, with the batch first; strings as an object array of bytes.

        Returns:
            The outputs by name; strings as object arrays of bytes. Over REST an only
            output has no name: it is found under "", and numbers are float64 or int64.

        Raises:
            ServerFailure: there was no answer, or the server refused.
        """

    def pinned(self, version: int) -> "Server":
        """Returns a client of the same model that asks for one version."""

    def close(self) -> None:
        """Ends the connections."""


def check_available(server: Server) -> None:
    """Raises ServerFailure unless a version answers.

    A known model has a status in every state, also when no version loaded.
    """
    states = server.states()
    if any(state.state == "AVAILABLE" for state in states):
        return
    words = "; ".join(
        f"version {state.version} is {state.state} {state.message}".strip()
        for state in states
    )
    raise ServerFailure(
        f"{server.address.text}: no version is available ({words}). Wait for it to "
        "load, or export the model again, which adds a version.",
        Kind.BUSY,
    )


def only(outputs: Mapping[str, np.ndarray], name: str) -> np.ndarray | None:
    """Returns the output of a signature that has but one, or has more; or None."""
    return outputs.get(name, outputs.get(""))


# This machine, reached without a proxy of the environment.
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Fault(enum.Enum):
    """What an answer says is wrong, and the way out."""

    MISSING = "Correct the model's name or version in the address."
    REQUEST = "Convert or remove the image that it refuses."
    LOGIN = (
        f"Set {VARIABLE} to the token that it asks for, and take an address of "
        "https:// or grpcs://: it is not sent to others."
    )
    SIZE = "Send smaller images, or raise the limit of what stands before the server."


def lacks_label(words: str) -> bool:
    """Tells whether a server says that no version has the label; another may have."""
    return "version label" in words.lower()


def is_of_request(words: str, fault: Fault | None) -> bool:
    """Tells whether other requests may do where one did not.

    Args:
        words: the server's.
        fault: what its status says, if that is known.
    """
    if "signature" in words.lower() or lacks_label(words):
        return False
    return fault in (Fault.REQUEST, Fault.SIZE)


def way_out(words: str, fault: Fault | None) -> str:
    """Returns what a user can do about an error of the server.

    Args:
        words: the server's.
        fault: what its status says, if that is known.
    """
    if "signature" in words.lower():
        return "Serve a model that `keras-unet export` wrote."
    if lacks_label(words):
        return "Correct the label in the address, or give a version that label."
    return fault.value if fault else "Look at the server's messages."
