"""The one error of the server: a status code that every transport knows, and words."""

import enum


class Code(enum.IntEnum):
    """The status codes of gRPC and TensorFlow, by their numbers."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


class ServingError(Exception):
    """A request that cannot be answered.

    Args:
        message: the words of TensorFlow Serving for this error.
        code: what kind of error it is.
    """

    def __init__(self, message: str, code: Code = Code.INVALID_ARGUMENT) -> None:
        super().__init__(message)
        self.message = message
        self.code = code

    def __str__(self) -> str:
        """Returns the error as TensorFlow writes a status, "CODE: message"."""
        return f"{self.code.name}: {self.message}"
