import json

from pipelines.dev_server.answers import status_answer
from pipelines.dev_server.errors import Code
from pipelines.dev_server.json_response import status_body
from pipelines.dev_server.served_model import VersionStatus


def test_status_has_numbers_as_strings_and_an_end_of_line():
    # The name of a file may be no text.
    status = VersionStatus(2, "END", Code.UNKNOWN, "no file \udcff")
    body = status_body(status_answer([status]))
    assert body.endswith(b"\n}\n")
    assert json.loads(body) == {
        "model_version_status": [
            {
                "version": "2",
                "state": "END",
                "status": {"error_code": "UNKNOWN", "error_message": "no file ?"},
            }
        ]
    }
