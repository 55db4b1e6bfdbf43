from pipelines.client.addresses import parse_addresses
from pipelines.client.connecting import connect
from pipelines.client.grpc_server import GrpcServer
from pipelines.client.rest import RestServer
from pipelines.client.server import check_available


def test_address_chooses_the_transport(rest_url, grpc_url):
    for url, kind in ((rest_url, RestServer), (grpc_url, GrpcServer)):
        server = connect(*parse_addresses(url), 30.0)
        assert isinstance(server, kind)
        check_available(server)
        server.close()
