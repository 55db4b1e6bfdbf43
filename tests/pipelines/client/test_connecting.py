from pipelines.client.connecting import connect
from pipelines.client.grpc_server import GrpcServer
from pipelines.client.rest import RestServer
from pipelines.client.server import check_available


def test_address_chooses_the_transport(rest_url, grpc_url):
    servers = connect(f"{rest_url},{grpc_url}", 30.0)
    for server, kind in zip(servers, (RestServer, GrpcServer), strict=True):
        assert isinstance(server, kind)
        check_available(server)
        server.close()
