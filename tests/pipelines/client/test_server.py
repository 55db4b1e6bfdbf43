import numpy as np
import pytest

from pipelines.client.failures import Kind, ServerFailure
from pipelines.client.server import (
    VersionState,
    check_available,
    check_back,
    check_not_unloaded,
    only,
)


@pytest.mark.parametrize("state, kind", [("END", Kind.MISSING), ("LOADING", Kind.BUSY)])
def test_no_available_version_is_told_with_the_states(
    fake_server, monkeypatch, state, kind
):
    server = fake_server()
    states = [VersionState(2, state, "no file"), VersionState(1, "END", "")]
    monkeypatch.setattr(server, "states", lambda: states)
    words = f"2 is {state} no file; version 1 is END"
    with pytest.raises(ServerFailure, match=words) as raised:
        check_available(server)
    # What has ended is not waited for at the start.
    assert raised.value.kind is kind


@pytest.mark.parametrize(
    "states, is_gone",
    [
        ({3: "AVAILABLE", 2: "END"}, True),
        ({3: "AVAILABLE", 2: "UNLOADING"}, True),
        ({2: "END", 1: "AVAILABLE"}, True),
        # Of a server that was started since.
        ({3: "AVAILABLE"}, True),
        # It is not there yet.
        ({1: "AVAILABLE"}, False),
        ({2: "LOADING", 1: "AVAILABLE"}, False),
        ({3: "LOADING"}, False),
        # In between it has come.
        ({2: "AVAILABLE", 1: "END"}, False),
    ],
)
def test_a_version_that_was_unloaded_is_told_from_one_that_is_not_there_yet(
    fake_server, monkeypatch, states, is_gone
):
    listed = [VersionState(number, state, "") for number, state in states.items()]
    monkeypatch.setattr(fake_server, "states", lambda self: listed)
    server = fake_server()
    missing = ServerFailure("answered 404", Kind.MISSING, 404)
    # At an address without a version a new one is answered with.
    check_not_unloaded(server, missing)
    server.address = server.address.of_version(2)
    check_not_unloaded(server, ServerFailure("away", Kind.UNREACHABLE))
    if not is_gone:
        check_not_unloaded(server, missing)
        return
    with pytest.raises(ServerFailure, match="version 2 was unloaded") as raised:
        check_not_unloaded(server, missing)
    assert (raised.value.kind, raised.value.status) == (Kind.GONE, 404)


def test_a_server_that_broke_off_does_not_come_back_with_a_version_it_unloaded(
    fake_server, monkeypatch
):
    states = [VersionState(2, "AVAILABLE", ""), VersionState(1, "END", "")]
    listed = [states[1:], states]
    monkeypatch.setattr(fake_server, "states", lambda self: listed.pop(0))
    server = fake_server()
    server.address = server.address.of_version(1)
    with pytest.raises(ServerFailure, match="version 1 was unloaded") as raised:
        check_back(server)
    assert raised.value.kind is Kind.GONE


def test_of_a_server_that_does_not_tell_its_versions_nothing_is_known(
    fake_server, monkeypatch
):
    def states(self):
        raise ServerFailure("late", Kind.LATE)

    monkeypatch.setattr(fake_server, "states", states)
    server = fake_server()
    server.address = server.address.of_version(2)
    check_not_unloaded(server, ServerFailure("answered 404", Kind.MISSING, 404))


def test_only_output_may_have_no_name():
    one, two = np.ones(1), np.ones(2)
    assert only({"": one}, "a") is one
    assert only({"a": two, "b": one}, "a") is two
    assert only({}, "a") is None
