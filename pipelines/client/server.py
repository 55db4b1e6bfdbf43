"""What the client asks of a server, over whichever transport."""

import dataclasses
from collections.abc import Mapping
from typing import Protocol

import numpy as np

from pipelines.client.addresses import Address
from pipelines.client.failures import Kind, ServerFailure
from pipelines.client.patience import LIMITS

# Of status and metadata, which compute nothing.
CONTROL_SECONDS = 10.0
# The signature that takes no image.
ABOUT = "about"


@dataclasses.dataclass(frozen=True)
class VersionState:
    """State of one version: AVAILABLE is the one that answers."""

    version: int
    state: str
    message: str


class Server(Protocol):
    """One model on one server. Its methods may be called from several threads."""

    @property
    def address(self) -> Address:
        """Where it is."""

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
        self,
        signature: str,
        inputs: Mapping[str, np.ndarray],
        seconds: float | None = None,
    ) -> dict[str, np.ndarray]:
        """Runs a signature.

        Args:
            signature: its name.
            inputs: by name, with the batch first; strings as an object array of bytes.
            seconds: that the answer may take, if that is less than usual.

        Returns:
            The outputs by name; strings as object arrays of bytes. Over REST an only
            output has no name: it is found under "", and numbers are float64 or int64.

        Raises:
            ServerFailure: there was no answer, or the server refused.
        """

    def pinned(self, version: int | None) -> "Server":
        """Returns a client of one version, or of none, over the same connections."""

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
    # What has ended does not come back by itself.
    has_ended = all(state.state == "END" for state in states)
    raise ServerFailure(
        f"{server.address.text}: no version is available ({words}). Wait for it to "
        "load, or export the model again, which adds a version.",
        Kind.MISSING if has_ended else Kind.BUSY,
    )


def check_back(server: Server) -> None:
    """Raises ServerFailure while a server that broke off seems to start again.

    What forwards its port may take connections all the time, only to end them. GONE, if
    it has unloaded the version meanwhile.
    """
    try:
        check_available(server)
    except ServerFailure as failure:
        check_not_unloaded(server, failure)
        # One that is slow to say how it is, or that does not say it, is there.
        if failure.kind in LIMITS:
            raise failure.of_asking_first() from failure


def check_not_unloaded(server: Server, failure: ServerFailure) -> None:
    """Raises ServerFailure, GONE, if a version is missing because it was unloaded.

    One that is missing may also be not there yet.

    Args:
        server: that was asked.
        failure: of that.
    """
    version = server.address.version
    if failure.kind is not Kind.MISSING or version is None:
        return
    try:
        states = {one.version: one.state for one in server.pinned(None).states()}
    except ServerFailure:
        return
    served = [number for number, state in states.items() if state == "AVAILABLE"]
    # A server that was started since lists only what it has loaded itself.
    default = "END" if max(served, default=0) > version else "START"
    if states.get(version, default) not in ("UNLOADING", "END"):
        return
    raise ServerFailure(
        f"{server.address.text}: version {version} was unloaded, and a mask is of one "
        "version. Send the image again, to one that is served; to let large images "
        "end, keep the old version loaded beside the new one.",
        Kind.GONE,
        failure.status,
    ) from failure


def only(outputs: Mapping[str, np.ndarray], name: str) -> np.ndarray | None:
    """Returns the output of a signature that has but one, or has more; or None."""
    return outputs.get(name, outputs.get(""))


# This machine, reached without a proxy of the environment.
LOOPBACK = ("localhost", "127.0.0.1", "::1")
