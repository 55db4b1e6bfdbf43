"""What a failed request means, and the way out: the same words for REST and gRPC."""

import enum
import re

from pipelines.client.failures import Kind, ServerFailure
from pipelines.client.token import VARIABLE

# Those of `keras-unet serve` and of the image of TensorFlow Serving.
PORTS = "by default REST is on port 8501, gRPC on 8500"


class Fault(enum.Enum):
    """What an answer says is wrong, and the way out."""

    MISSING = "Correct the model's name or version, or the port, in the address."
    LABEL = "Correct the label in the address, or give a version that label."
    SIGNATURE = "Serve a model that `keras-unet export` wrote."
    REQUEST = "Convert or remove the image that it refuses."
    LOGIN = (
        f"Set {VARIABLE} to the token that it asks for, and take an address of "
        "https:// or grpcs://: it is not sent to others."
    )
    SIZE = "Send smaller images, or raise the limit of what stands before the server."
    MEMORY = "Send smaller images, or give the server more memory."


# By HTTP status. 429 and 503 say that the request was not taken up; 502 and 504 are of
# a front, whose server is away or broke off (it may be this request that ends servers),
# or is silent; 404 and 500 of a server that has lost its model, or has failed. Any
# other would come again.
KINDS = {
    404: Kind.MISSING,
    429: Kind.BUSY,
    500: Kind.UNABLE,
    502: Kind.BROKEN,
    503: Kind.BUSY,
    504: Kind.LATE,
}
FAULTS = {
    400: Fault.REQUEST,
    401: Fault.LOGIN,
    403: Fault.LOGIN,
    404: Fault.MISSING,
    413: Fault.SIZE,
}
# What nginx, Apache and servers in Go answer to a client that does not encrypt.
_WANTS_TLS = re.compile("plain HTTP|HTTP request to an HTTPS")


def check_unencrypted(source: str, status: int, page: str) -> None:
    """Raises ServerFailure for the answer of a port that asks for TLS."""
    if status == 400 and _WANTS_TLS.search(page):
        raise ServerFailure(
            f"{source}: that port asks for TLS. Take an address of https://.",
            Kind.REFUSED,
            status,
        )


def refusal(
    source: str,
    status: int | str,
    words: str,
    kind: Kind,
    fault: Fault | None,
    *,
    is_prediction: bool,
) -> ServerFailure:
    """Returns the failure of a request that was answered with an error.

    Args:
        source: the address.
        status: an HTTP status or the name of a gRPC code.
        words: the server's.
        kind: by the status.
        fault: by the status, if that tells it.
        is_prediction: whether an image was sent.
    """
    words = " ".join(words.split()).rstrip(".")
    lower = words.lower()
    if "oom when allocating" in lower:
        # Its status is that of a busy server, but it would come again.
        kind, fault = Kind.UNABLE, Fault.MEMORY
    elif "version label" in lower:
        kind, fault = Kind.MISSING, Fault.LABEL
    elif "signature" in lower and fault in (None, Fault.REQUEST):
        fault = Fault.SIGNATURE
    elif fault is Fault.REQUEST and not is_prediction:
        fault = None
    way_out = fault.value if fault else "Look at the server's messages."
    return ServerFailure(
        f"{source} answered {status}: {words}. {way_out}",
        kind,
        status,
        of_request=fault in (Fault.REQUEST, Fault.SIZE, Fault.MEMORY),
        lacks_signature=fault is Fault.SIGNATURE,
    )


def silence(
    source: str, seconds: float, status: int | str, *, is_prediction: bool
) -> ServerFailure:
    """Returns the failure of a request that was not answered in time.

    Args:
        source: the address.
        seconds: that were waited.
        status: as of `refusal`.
        is_prediction: whether an image was sent.
    """
    way_out = (
        "Raise --timeout, or send smaller images."
        if is_prediction
        else "Look at the server's messages."
    )
    message = f"{source} did not answer within {seconds:g} seconds. {way_out}"
    return ServerFailure(message, Kind.LATE, status)


def lost(source: str, reason: str, kind: Kind, status: int | str = "") -> ServerFailure:
    """Returns the failure of a connection that was not made, or that broke.

    Args:
        source: the address.
        reason: what the system says.
        kind: UNREACHABLE or BROKEN.
        status: as of `refusal`.
    """
    return ServerFailure(
        f"{source}: the server cannot be reached or broke off ({reason}). Start it "
        "with `keras-unet serve` and wait until it is ready, or correct the address "
        f"({PORTS}).",
        kind,
        status,
    )


def distrust(source: str, reason: str, variable: str) -> ServerFailure:
    """Returns the failure of an encryption that was not agreed on.

    Args:
        source: the address.
        reason: what the library says.
        variable: of the environment, that names the certificates of authorities.
    """
    return ServerFailure(
        f"{source}: no encrypted connection ({reason}). For a certificate authority of "
        f"your own set {variable} to its file; a server without TLS is asked at "
        "http:// or grpc://.",
        Kind.REFUSED,
    )
