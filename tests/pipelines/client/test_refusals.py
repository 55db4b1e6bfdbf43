import pytest

from pipelines.client.failures import Kind, ServerFailure
from pipelines.client.refusals import (
    Fault,
    check_unencrypted,
    distrust,
    lost,
    refusal,
    silence,
)

AT = "http://signature:8501/v1/models/oom"


def refused(words, fault, kind=Kind.REFUSED, is_prediction=True):
    return refusal(AT, 400, words, kind, fault, is_prediction=is_prediction)


def test_faults_of_a_request_leave_others_alone():
    assert refused("bad file", Fault.REQUEST).of_request
    assert refused("too large", Fault.SIZE).of_request
    assert not refused("Signature x not found", Fault.REQUEST).of_request
    assert not refused("Unrecognized version label: x", Fault.REQUEST).of_request
    assert not refused("no model", Fault.MISSING).of_request
    assert not refused("", None).of_request


def test_way_out_follows_the_words_and_not_the_address():
    assert "export" in str(refused("Signature x not found", Fault.REQUEST))
    assert "address" in str(refused("no model signature", Fault.MISSING))
    assert "image" in str(refused("bad file", Fault.REQUEST))
    assert "KERAS_UNET_TOKEN" in str(refused("Unauthorized", Fault.LOGIN))
    assert "messages" in str(refused("", None))
    # No image was sent.
    asked = refused("bad request", Fault.REQUEST, is_prediction=False)
    assert "image" not in str(asked) and not asked.of_request


def test_a_signature_that_a_model_lacks_is_known():
    assert refused("Signature x not found", None).lacks_signature
    assert not refused("no model signature", Fault.MISSING).lacks_signature
    assert not refused("bad file", Fault.REQUEST).lacks_signature


def test_a_label_may_come_and_memory_will_not():
    label = refused("Unrecognized servable version label: x", Fault.REQUEST)
    assert label.kind is Kind.MISSING and "label" in str(label)
    memory = refused("OOM when allocating tensor with shape[9]", None, Kind.BUSY)
    assert memory.kind is Kind.UNABLE and memory.of_request
    assert refused("queue is full", None, Kind.BUSY).kind is Kind.BUSY


@pytest.mark.parametrize("is_prediction", [True, False])
def test_silence_is_told_with_its_seconds(is_prediction):
    failure = silence(AT, 7.0, 504, is_prediction=is_prediction)
    assert "within 7 seconds" in str(failure)
    assert ("--timeout" in str(failure)) is is_prediction
    assert failure.kind is Kind.LATE


def test_connections_that_fail_are_told_with_the_reason():
    failure = lost(AT, "reset", Kind.BROKEN)
    assert failure.kind is Kind.BROKEN and "(reset)" in str(failure)
    failure = distrust(AT, "self-signed", "MY_BUNDLE")
    assert failure.kind is Kind.REFUSED
    assert "(self-signed)" in str(failure) and "set MY_BUNDLE" in str(failure)


@pytest.mark.parametrize(
    "page",
    [
        "<title>400 The plain HTTP request was sent to HTTPS port</title>",
        "Reason: You're speaking plain HTTP to an SSL-enabled server port.",
        "Client sent an HTTP request to an HTTPS server.",
    ],
)
def test_a_port_that_asks_for_tls_is_told(page):
    with pytest.raises(ServerFailure, match=f"{AT}.* https://") as raised:
        check_unencrypted(AT, 400, page)
    assert raised.value.kind is Kind.REFUSED
    check_unencrypted(AT, 404, page)
    check_unencrypted(AT, 400, "")
