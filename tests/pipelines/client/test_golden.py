import base64
import io
import json
import shutil

import numpy as np
import PIL.Image
import pytest

from pipelines.client.connecting import connect
from pipelines.client.failures import Kind, ServerFailure
from pipelines.client.golden import check_golden, compare, decoded
from pipelines.export_layout import GOLDEN


def tensor(array, **more):
    data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    return {"dtype": str(array.dtype), "shape": array.shape, "data": data, **more}


def strings(*values):
    data = [base64.b64encode(value).decode() for value in values]
    return {"dtype": "string", "shape": [len(values)], "data": data}


def png(array, **options):
    buffer = io.BytesIO()
    PIL.Image.fromarray(array).save(buffer, "png", **options)
    return buffer.getvalue()


FLOATS = {
    "name": "floats",
    "signature": "serving_default",
    "inputs": {"image": tensor(np.zeros((1, 1, 2, 1), np.float32))},
    "outputs": {
        "probability": tensor(np.full((1, 1, 2, 1), 0.5001, "f4"), tolerance=1e-3)
    },
}
SIXTEEN = {
    "name": "sixteen bits",
    "signature": "pixels_uint16",
    "inputs": {"image": tensor(np.array([[[[9], [10]]]], np.uint16))},
    "outputs": {"mask": tensor(np.array([[[[0], [1]]]], np.uint8), tolerance=0)},
}


@pytest.fixture
def saved_model(segmenter, tmp_path, random, mask_of):
    """A copy of the export; a function writes its golden requests."""
    folder = tmp_path / "cells"
    shutil.copytree(segmenter, folder)
    image = random.integers(0, 256, (20, 24)).astype(np.uint8)
    # Compressed otherwise than TensorFlow does.
    mask = png(mask_of(image), compress_level=1)
    file = {
        "name": "file",
        "signature": "image_bytes",
        "inputs": {"image_bytes": strings(png(image))},
        "outputs": {"mask_bytes": strings(mask)},
    }

    def write(*requests, form=1):
        target = folder / "1" / GOLDEN
        target.parent.mkdir(exist_ok=True)
        document = {"format": form, "requests": [file, *requests]}
        target.write_text(json.dumps(document))
        return folder

    return write


@pytest.fixture(params=["rest", "grpc"])
def server(request, rest_url, grpc_url):
    url = rest_url if request.param == "rest" else grpc_url
    (server,) = connect(url, 30.0)
    yield server
    server.close()


def test_answers_that_agree_are_counted(saved_model, server):
    report = check_golden([server], 0, saved_model(FLOATS, SIXTEEN))
    if server.address.is_grpc:
        assert report.answered == ("file", "floats", "sixteen bits")
        assert "3 golden requests of version 1" in str(report)
    else:
        assert report.answered == ("file", "floats")
        assert report.left_out == ("sixteen bits",)
        assert "sixteen bits" in str(report)


def test_differences_are_named_with_their_size(saved_model, server):
    wrong = json.loads(json.dumps(FLOATS))
    wrong["outputs"]["probability"]["tolerance"] = 1e-5
    missing = {**FLOATS, "name": "other", "signature": "nope"}
    with pytest.raises(ValueError) as raised:
        check_golden([server], 0, saved_model(wrong, missing))
    text = str(raised.value)
    assert "2 differences" in text
    assert "floats: probability differs in 2 of 2 values, by up to 0.0001" in text
    assert "other: " in text and "nope" in text


def test_server_that_is_gone_ends_the_check(saved_model, fake_server):
    server = fake_server(
        [{"": np.ones(1)}, ServerFailure("gone", Kind.UNREACHABLE)], "one"
    )
    with pytest.raises(ServerFailure, match="gone"):
        check_golden([server], 0, saved_model())


def test_version_that_is_served_is_compared(saved_model, server):
    folder = saved_model(FLOATS)
    shutil.copytree(folder / "1", folder / "2")
    (folder / "2" / GOLDEN).unlink()
    assert check_golden([server], 0, folder).versions == (1,)


def test_each_server_is_asked(saved_model, server, fake_server):
    report = check_golden([server, server], 0, saved_model())
    assert report.versions == (1, 1)
    assert "version 1 are answered as by the export by each of 2 servers" in str(report)
    other = fake_server(name="other")
    with pytest.raises(ValueError, match="//other/v1/models/toy: 1 differences"):
        check_golden([server, other], 0, saved_model())


def test_another_export_s_folder_is_told(saved_model, server):
    folder = saved_model()
    (folder / "1").rename(folder / "5")
    with pytest.raises(ValueError, match="version 1 answers, but .* holds 5"):
        check_golden([server], 0, folder)


def test_export_without_a_golden_file_is_told(saved_model, server, tmp_path):
    folder = saved_model()
    (folder / "1" / GOLDEN).unlink()
    with pytest.raises(ValueError, match=r"golden\.json cannot be read"):
        check_golden([server], 0, folder)
    saved_model(form=9)
    with pytest.raises(ValueError, match="format 9, expected 1"):
        check_golden([server], 0, folder)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no version"):
        check_golden([server], 0, tmp_path / "empty")


def test_tensors_are_read_as_they_were_written():
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.testing.assert_array_equal(decoded(tensor(array)), array)
    assert decoded(strings(b"\xff", b"")).tolist() == [b"\xff", b""]


@pytest.mark.parametrize(
    "found, expected, words",
    [
        (None, np.ones(1), "is missing"),
        (np.ones(2), np.ones(1), r"has the shape \(2,\), expected \(1,\)"),
        (np.array([np.nan]), np.ones(1), "1 of 1 values"),
        (np.array([b"a"], object), np.array([b"b"], object), r"^\[0\] differs$"),
        (
            np.array([png(np.zeros((2, 2), np.uint8))], object),
            np.array([png(np.eye(2, dtype=np.uint8))], object),
            r"^\[0\] differs in 2 of 4 values, by up to 1 ",
        ),
        (
            np.array([png(np.zeros((2, 2), np.uint8))], object),
            np.array([png(np.zeros((2, 3), np.uint8))], object),
            r"is a PNG of uint8 \(2, 2\), expected uint8 \(2, 3\)",
        ),
    ],
)
def test_comparison_says_what_differs(found, expected, words):
    import re

    assert re.search(words, str(compare(found, expected, 0.1)))


def test_equal_within_tolerance_is_no_difference():
    assert compare(np.array([1.0, 2.05]), np.array([1, 2], np.uint8), 0.1) is None
    zeros = np.array([png(np.zeros((2, 2), np.uint8))], object)
    ones = np.array([png(np.ones((2, 2), np.uint8))], object)
    assert compare(zeros, ones, 1) is None
    assert compare(zeros, ones, 0)
