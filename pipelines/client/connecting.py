"""The client that an address asks for: over REST or gRPC."""

from pipelines.client.addresses import Address
from pipelines.client.grpc_server import GrpcServer
from pipelines.client.rest import RestServer
from pipelines.client.server import Server


def connect(address: Address, timeout: float) -> Server:
    """Returns the client of an address; nothing is sent yet.

    Args:
        address: of a model.
        timeout: seconds that each request has.

    Raises:
        ValueError: it is a gRPC address and the packages for that are missing.
    """
    if address.is_grpc:
        return GrpcServer(address, timeout)
    return RestServer(address, timeout)
