from pipelines.client.failures import SUSPICIOUS, WORTH_A_RETRY, Kind, ServerFailure


def test_late_and_refused_requests_are_not_sent_again():
    assert WORTH_A_RETRY == {Kind.UNREACHABLE, Kind.BUSY, Kind.BROKEN}
    # What never arrived, or was not taken up, has done nothing.
    assert not SUSPICIOUS & {Kind.UNREACHABLE, Kind.BUSY, Kind.MISSING}


def test_failure_is_an_error_of_the_user_s_input():
    failure = ServerFailure("words", Kind.BUSY, 503)
    assert isinstance(failure, ValueError)
    assert (str(failure), failure.status) == ("words", 503)
