"""What can go wrong between a client and a server."""

import enum


class Kind(enum.Enum):
    """What is known of a request that failed."""

    UNREACHABLE = "it did not arrive"
    BUSY = "the server took it back: try later"
    BROKEN = "the connection ended before the answer"
    MISSING = "this server has no such version or label: not yet, or no longer"
    GONE = "this server has unloaded the version"
    LATE = "no answer came in time"
    UNABLE = "this server failed on it, another one may not"
    UNFIT = "this server serves another model, or does not let the client in"
    REFUSED = "the server refuses it, and would again"


# What a server that was well is gone by, for now.
LOSSES = {Kind.UNREACHABLE, Kind.BROKEN, Kind.MISSING}
# Another try at the same server may do.
WORTH_A_RETRY = {Kind.UNREACHABLE, Kind.BUSY, Kind.BROKEN}
# The server has got it, and has not come to its end.
STUCK = {Kind.LATE, Kind.UNABLE}
# A request that was late is not sent again to the same server, which may still be at
# work on it; nor is one that it failed on, should not get, or has no version for.
NOT_AGAIN = {*STUCK, Kind.UNFIT, Kind.GONE}
# What a request that is at fault itself can do to a server.
SUSPICIOUS = {*STUCK, Kind.BROKEN}


class ServerFailure(ValueError):
    """A request that was not answered with a result.

    Args:
        message: what happened and the way out, with the server's address.
        kind: what is known.
        status: the server's own, an HTTP status or the name of a gRPC code.
        of_request: the fault is in what was sent, so that other requests may do.
        lacks_signature: the model has no such signature.
    """

    def __init__(
        self,
        message: str,
        kind: Kind,
        status: int | str = "",
        *,
        of_request: bool = False,
        lacks_signature: bool = False,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.status = status
        self.of_request = of_request
        self.lacks_signature = lacks_signature

    def of_asking_first(self) -> "ServerFailure":
        """Returns the failure of a request that was not sent after this one.

        It says nothing of that request: it has not arrived.
        """
        kind = Kind.UNREACHABLE if self.kind in SUSPICIOUS else self.kind
        return ServerFailure(str(self), kind, self.status)
