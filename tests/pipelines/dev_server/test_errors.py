from pipelines.dev_server.errors import Code, ServingError


def test_error_reads_as_tensorflow_writes_a_status():
    error = ServingError("no such model", Code.NOT_FOUND)
    assert str(error) == "NOT_FOUND: no such model"
    assert error.message == "no such model"
