import json

import pytest

from pipelines.client.about import ask_about, ask_all_about, string_array
from pipelines.client.addresses import parse_addresses
from pipelines.client.connecting import connect
from pipelines.client.failures import Kind, ServerFailure
from pipelines.client.pool import REQUESTS_EACH, ServerPool


def test_model_tells_what_the_client_needs(rest_url, grpc_url, about_of):
    for url in (rest_url, grpc_url):
        pool = ServerPool([connect(*parse_addresses(url), 30.0)], 0)
        assert ask_about(pool) == about_of()
        pool.close()


@pytest.mark.parametrize(
    "words", ['Serving signature name: "about" not found', 'Serving signature key "a"']
)
def test_model_without_the_signature_says_nothing(fake_server, words):
    server = fake_server([ServerFailure(words, Kind.REFUSED)])
    assert ask_about(ServerPool([server], 0)) is None


def test_other_failures_are_raised(fake_server):
    server = fake_server([ServerFailure("no such model", Kind.REFUSED)])
    with pytest.raises(ServerFailure, match="no such model"):
        ask_about(ServerPool([server], 0))


def test_all_servers_have_to_serve_one_model(fake_server, about_of):
    def says(text):
        return {"about": string_array([text.encode()])}

    one = about_of().text
    other = one.replace("0.5", "0.25")
    same = [fake_server([says(one)], "one"), fake_server([says(one)], "two")]
    assert ask_all_about(ServerPool(same, 0))[0] == about_of()
    servers = [fake_server([says(one)], "one"), fake_server([says(other)], "two")]
    with pytest.raises(ServerFailure, match="serve different models under one version"):
        ask_all_about(ServerPool(servers, 0))
    # One that is away says nothing against the others, but is asked no more.
    away = fake_server([ServerFailure("away", Kind.UNREACHABLE)], "away")
    _, alike = ask_all_about(ServerPool([away, fake_server([says(one)])], 0))
    for _ in range(3):
        alike.predict("region", {})
    assert away.asked == 1
    assert alike.num_requests == REQUESTS_EACH
    silent = fake_server([ServerFailure("no such signature", Kind.REFUSED)])
    assert ask_all_about(ServerPool([silent], 0)) is None


@pytest.mark.parametrize("text", [b"", b"[]", json.dumps({"depth": 1}).encode()])
def test_answer_of_another_form_is_told(fake_server, text):
    server = fake_server([{"about": string_array([text])}])
    with pytest.raises(ServerFailure, match="does not understand"):
        ask_about(ServerPool([server], 0))
