import contextlib

import pytest

from pipelines.client.addresses import parse_addresses
from pipelines.client.rest import RestServer
from pipelines.client.token import VARIABLE, authorization

ENCRYPTED = ["https://h/v1/models/x", "grpcs://h:1/x"]
PLAIN = ["http://h/v1/models/x", "grpc://h:1/x"]


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
        assert server._session().headers["Authorization"] == "Bearer secret"
