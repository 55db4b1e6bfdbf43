"""A server that is asked what it serves before it is used."""

import copy
import logging
from collections.abc import Mapping
from typing import NoReturn

import numpy as np

from pipelines.client.about import About, about_of
from pipelines.client.addresses import Address
from pipelines.client.failures import Kind, ServerFailure
from pipelines.client.pool import ServerPool
from pipelines.client.server import Server, VersionState, check_not_unloaded

_logger = logging.getLogger(__name__)


def verified(pool: ServerPool, about: About | None) -> ServerPool:
    """Returns the same servers, of which only those serve that have this model.

    Each is asked before its first request, so that one that is away at the start joins
    when it comes back.

    Args:
        pool: the servers.
        about: what the model says of itself; None for one that says nothing.
    """
    return pool.mapped(lambda server: VerifiedServer(server, about))


class VerifiedServer:
    """A server that predicts only once it has said that it serves a certain model.

    It is asked again after its connection was lost.

    Args:
        server: that is asked.
        about: as of `verified`.
    """

    def __init__(self, server: Server, about: About | None) -> None:
        self._server = server
        self._about = about
        self._is_verified = False
        self._is_left_out = False

    @property
    def address(self) -> Address:
        """Where it is."""
        return self._server.address

    def states(self) -> list[VersionState]:
        """Returns the states of the model's versions."""
        return self._server.states()

    def answering_version(self) -> int:
        """Returns the version that answers at the address.

        Raises:
            ServerFailure: it is left out, or as the server's.
        """
        try:
            self._verify()
            return self._server.answering_version()
        except ServerFailure as failure:
            check_not_unloaded(self._server, failure)
            raise

    def predict(
        self,
        signature: str,
        inputs: Mapping[str, np.ndarray],
        seconds: float | None = None,
    ) -> dict[str, np.ndarray]:
        """Runs a signature, as the server does.

        Raises:
            ServerFailure: it is left out, or as the server's.
        """
        try:
            self._verify(seconds)
            return self._server.predict(signature, inputs, seconds)
        except ServerFailure as failure:
            if failure.kind in (Kind.UNREACHABLE, Kind.BROKEN):
                # It may come back with another model.
                self._is_verified = False
            check_not_unloaded(self._server, failure)
            raise

    def pinned(self, version: int | None) -> Server:
        """Returns the client of one version, of which nothing is known yet.

        That of a server that is left out is left out.
        """
        server = self._server.pinned(version)
        if not self._is_left_out:
            return server
        left_out = copy.copy(self)
        left_out._server = server
        return left_out

    def close(self) -> None:
        """Ends the connections."""
        self._server.close()

    def _verify(self, seconds: float | None = None) -> None:
        """Raises ServerFailure, UNFIT if it is left out, unless it has the model."""
        if self._is_verified:
            return
        try:
            about = about_of(self._server, seconds)
        except ServerFailure as failure:
            if failure.kind is not Kind.REFUSED:
                raise failure.of_asking_first() from failure
            self._leave_out(str(failure))
        if about != self._about:
            self._leave_out(
                f"{self.address.text} serves another model than that of the first "
                "answer; masks are of one. Export one model to all servers."
            )
        self._is_verified, self._is_left_out = True, False

    def _leave_out(self, reason: str) -> NoReturn:
        if not self._is_left_out:
            _logger.warning("%s It is left out.", reason)
        self._is_left_out = True
        raise ServerFailure(reason, Kind.UNFIT)
