import contextlib

import pytest
import requests

from pipelines.client.addresses import parse_addresses
from pipelines.client.rest import RestServer
from pipelines.client.token import VARIABLE, authorization

ENCRYPTED = ["https://h/v1/models/x", "grpcs://h:1/x"]
PLAIN = ["http://h/v1/models/x", "grpc://h:1/x"]


def sent(server):
    """What stands in the header Authorization of a request."""
    request = requests.Request("GET", server.address.text)
    prepared = server._session().prepare_request(request)
    return prepared.headers.get("Authorization")


@pytest.mark.parametrize("url", [*ENCRYPTED, *PLAIN])
def test_token_goes_to_encrypted_addresses_only(url, monkeypatch):
    (address,) = parse_addresses(url)
    monkeypatch.setenv(VARIABLE, "secret")
    assert authorization(address) == ("Bearer secret" if url in ENCRYPTED else None)
    monkeypatch.delenv(VARIABLE)
    assert authorization(address) is None


def test_rest_sends_it_with_every_request(monkeypatch):
    monkeypatch.setenv(VARIABLE, "secret")
    (address,) = parse_addresses(ENCRYPTED[0])
    with contextlib.closing(RestServer(address, 1.0)) as server:
        assert sent(server) == "Bearer secret"


def test_the_token_goes_before_what_a_netrc_has_for_the_host(monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine h login me password mine\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    (address,) = parse_addresses(ENCRYPTED[0])
    monkeypatch.setenv(VARIABLE, "secret")
    with contextlib.closing(RestServer(address, 1.0)) as server:
        assert sent(server) == "Bearer secret"
    monkeypatch.delenv(VARIABLE)
    with contextlib.closing(RestServer(address, 1.0)) as server:
        assert sent(server).startswith("Basic ")


@pytest.mark.parametrize(("host", "proxied"), [("127.0.0.1:1", False), ("h:1", True)])
def test_no_proxy_stands_before_this_machine(monkeypatch, host, proxied):
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:3128")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    (address,) = parse_addresses(f"http://{host}/v1/models/x")
    with contextlib.closing(RestServer(address, 1.0)) as server:
        session = server._session()
        found = session.merge_environment_settings(
            address.text, server._proxies, None, None, None
        )
        assert ("http" in found["proxies"]) == proxied
