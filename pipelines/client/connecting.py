"""The clients that addresses ask for: over REST or gRPC."""

from pipelines.client.addresses import parse_addresses
from pipelines.client.grpc_server import GrpcServer
from pipelines.client.rest import RestServer
from pipelines.client.server import Server


def connect(url: str, timeout: float) -> list[Server]:
    """Returns a client for each address of a model; nothing is sent yet.

    Args:
        url: addresses A,B,...
        timeout: seconds that each request has.

    Raises:
        ValueError: one of them is not an address.
    """
    return [
        GrpcServer(address, timeout)
        if address.is_grpc
        else RestServer(address, timeout)
        for address in parse_addresses(url)
    ]
