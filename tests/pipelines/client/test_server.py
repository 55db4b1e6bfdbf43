import numpy as np
import pytest

from pipelines.client.failures import Kind, ServerFailure
from pipelines.client.server import VersionState, check_available, only


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


def test_only_output_may_have_no_name():
    one, two = np.ones(1), np.ones(2)
    assert only({"": one}, "a") is one
    assert only({"a": two, "b": one}, "a") is two
    assert only({}, "a") is None
