"""Where a model answers, from what a user writes."""

import dataclasses
import re
import urllib.parse

_VERSION = r"(?:/versions/(?P<version>[0-9]+)|/labels/(?P<label>[^/:]+))?"
_REST = re.compile(rf"(?P<base>https?://[^/]+)/v1/models/(?P<name>[^/:]+){_VERSION}")
_GRPC = re.compile(rf"grpcs?://(?P<base>[^/]+:[0-9]+)/(?P<name>[^/:]+){_VERSION}")


@dataclasses.dataclass(frozen=True)
class Address:
    """Where a model answers.

    Attributes:
        text: the whole of it, for messages.
        is_grpc: whether it is one of the gRPC API.
        base: http://HOST:PORT, or HOST:PORT for gRPC.
        name: of the model.
        version: that is asked for; None for the newest.
        label: of the version that is asked for, instead.
    """

    text: str
    is_grpc: bool
    base: str
    name: str
    version: int | None = None
    label: str | None = None

    @property
    def is_encrypted(self) -> bool:
        """Whether requests travel over TLS: https:// or grpcs://."""
        return self.text.startswith(("https://", "grpcs://"))

    def of_version(self, version: int | None) -> "Address":
        """Returns the address of one version of the model, or of none."""
        text = re.sub(r"/(versions|labels)/[^/]+$", "", self.text)
        if version is not None:
            text += f"/versions/{version}"
        return dataclasses.replace(self, text=text, version=version, label=None)


def parse_addresses(text: str) -> list[Address]:
    """Returns the addresses in a text A,B,...

    Raises:
        ValueError: one of them is not an address.
    """
    return [_address(part.strip().rstrip("/")) for part in text.split(",")]


def _address(text: str) -> Address:
    match = _REST.fullmatch(text) or _GRPC.fullmatch(text)
    if not match or not _has_port(match["base"]):
        raise ValueError(
            "url must be http://HOST:PORT/v1/models/NAME or grpc://HOST:PORT/NAME, got "
            f"{text!r}; `keras-unet serve` tells the address of what it serves."
        )
    return Address(
        text,
        text.startswith("grpc"),
        match["base"],
        urllib.parse.unquote(match["name"]),
        int(match["version"]) if match["version"] else None,
        urllib.parse.unquote(match["label"]) if match["label"] else None,
    )


def _has_port(base: str) -> bool:
    """Tells whether the port is one, or left out."""
    try:
        return urllib.parse.urlsplit(f"//{base.rpartition('/')[2]}").port != 0
    except ValueError:
        return False
