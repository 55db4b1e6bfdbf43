import json

import numpy as np
import pytest

from pipelines.client.about import ask_about
from pipelines.client.connecting import connect
from pipelines.client.failures import Kind, ServerFailure
from pipelines.client.pool import ServerPool


def test_model_tells_what_the_client_needs(rest_url, grpc_url, about_of):
    for url in (rest_url, grpc_url):
        pool = ServerPool(connect(url, 30.0), 0)
        assert ask_about(pool) == about_of()
        pool.close()


SILENT = ServerFailure("no signature about", Kind.REFUSED, lacks_signature=True)


def test_model_without_the_signature_says_nothing(fake_server):
    assert ask_about(ServerPool([fake_server([SILENT])], 0)) is None


def test_other_failures_are_raised(fake_server):
    server = fake_server([ServerFailure("no model signature", Kind.REFUSED)])
    with pytest.raises(ServerFailure, match="no model"):
        ask_about(ServerPool([server], 0))


def test_all_servers_have_to_serve_one_model(fake_server, about_of, waits):
    def says(text):
        return {"about": np.array([text.encode()], object)}

    def pool(*answers, retries=0):
        servers = [fake_server([answer], str(i)) for i, answer in enumerate(answers)]
        return ServerPool(servers, retries, waits, waits)

    one = says(about_of().text)
    other = says(about_of().text.replace("0.5", "0.25"))
    assert ask_about(pool(one, one)) == about_of()
    for different in (other, SILENT):
        with pytest.raises(ServerFailure, match="//0/.* and .*//1/.* different models"):
            ask_about(pool(one, different))
    # One that is away says nothing against the others.
    away = ServerFailure("away", Kind.UNREACHABLE)
    assert ask_about(pool(away, one)) == about_of()
    # A new version reaches one after the other.
    swapping = [fake_server([other, one], "a"), fake_server([one, one], "b")]
    assert ask_about(ServerPool(swapping, 1, waits, waits)) == about_of()


@pytest.mark.parametrize("text", [b"", b"[]", json.dumps({"depth": 1}).encode()])
def test_answer_of_another_form_is_told(fake_server, text):
    server = fake_server([{"about": np.array([text], object)}])
    with pytest.raises(ServerFailure, match="does not understand"):
        ask_about(ServerPool([server], 0))
