import numpy as np
import pytest

from pipelines.client.failures import ServerFailure
from pipelines.client.server import (
    Fault,
    VersionState,
    check_available,
    is_of_request,
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


def test_faults_of_a_request_leave_others_alone():
    assert is_of_request("bad file", Fault.REQUEST)
    assert is_of_request("too large", Fault.SIZE)
    assert not is_of_request("Signature x not found", Fault.REQUEST)
    assert not is_of_request("Unrecognized servable version label: x", Fault.REQUEST)
    assert not is_of_request("no model", Fault.MISSING)
    assert not is_of_request("", None)


def test_way_out_follows_the_words():
    assert "export" in way_out("Signature x not found", Fault.MISSING)
    assert "address" in way_out("no model", Fault.MISSING)
    assert "image" in way_out("bad file", Fault.REQUEST)
    assert "label" in way_out("Unrecognized servable version label: x", Fault.REQUEST)
    assert "KERAS_UNET_TOKEN" in way_out("Unauthorized", Fault.LOGIN)
    assert "messages" in way_out("", None)
