import numpy as np
import pytest

from pipelines.client.failures import ServerFailure
from pipelines.client.server import (
    VersionState,
    check_available,
    only,
    way_out,
)


def test_no_available_version_is_told_with_the_states(fake_server, monkeypatch):
    server = fake_server()
    states = [VersionState(2, "END", "no file"), VersionState(1, "END", "")]
    monkeypatch.setattr(server, "states", lambda: states)
    with pytest.raises(ServerFailure, match="2 is END no file; version 1 is END"):
        check_available(server)


def test_only_output_may_have_no_name():
    one, two = np.ones(1), np.ones(2)
    assert only({"": one}, "a") is one
    assert only({"a": two, "b": one}, "a") is two
    assert only({}, "a") is None


def test_way_out_follows_the_words():
    assert "export" in way_out("Signature x not found", missing=True, refused=True)
    assert "address" in way_out("no model", missing=True, refused=False)
    assert "image" in way_out("bad file", missing=False, refused=True)
    assert "messages" in way_out("", missing=False, refused=False)
