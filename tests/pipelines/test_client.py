import base64
import contextlib
import http.server
import io
import json
import socket
import threading
import time

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf
import tifffile
import uvicorn

from pipelines.client import segment, segment_image
from pipelines.config import SegmentConfig
from pipelines.dev_server.__main__ import server_config
from pipelines.dev_server.models import ModelManager
from pipelines.dev_server.rest import RestApp

AVAILABLE = {"model_version_status": [{"version": "1", "state": "AVAILABLE"}]}


def png(array):
    buffer = io.BytesIO()
    PIL.Image.fromarray(array).save(buffer, "png")
    return buffer.getvalue()


def _threshold(data):
    # 16 bits are read as such; those of 8 bits then lie on the same scale.
    image = tf.io.decode_png(data, channels=1, dtype=tf.uint16)
    return tf.io.encode_png(tf.cast(image > 32767, tf.uint8) * 255)


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """The address of a model that puts 255 where an image is brighter than half."""
    folder = tmp_path_factory.mktemp("models") / "toy"
    module = tf.Module()

    def image_bytes(image_bytes):
        return {
            "mask_bytes": tf.map_fn(
                _threshold, image_bytes, fn_output_signature=tf.string
            )
        }

    spec = tf.TensorSpec((None,), tf.string, name="image_bytes")
    signature = tf.function(image_bytes).get_concrete_function(image_bytes=spec)
    tf.saved_model.save(
        module, str(folder / "1"), signatures={"image_bytes": signature}
    )
    manager = ModelManager(folder)
    manager.start()
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(server_config(RestApp(manager)))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1/models/toy"
    server.should_exit = True
    thread.join()
    listener.close()
    manager.close()


@contextlib.contextmanager
def stub(answer, status=200, state=AVAILABLE, seconds=0.0, received=None):
    """Yields the address of a server that gives one answer to every prediction."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send(200, json.dumps(state).encode())

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if received is not None:
                received.append(body)
            time.sleep(seconds)
            with contextlib.suppress(BrokenPipeError):
                self.send(status, answer)

        def send(self, code, body):
            self.send_response(code)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/v1/models/toy"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def images(tmp_path):
    """A folder with an 8-bit PNG."""
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "a.png").write_bytes(png(np.array([[0, 200], [90, 255]], np.uint8)))
    return folder


def run(url, images, out, **settings):
    return segment(SegmentConfig(url=url, images=str(images), out=str(out), **settings))


def test_masks_are_written_under_the_stems(url, images, tmp_path):
    PIL.Image.fromarray(np.full((3, 5), 250, np.uint8)).save(images / "b.png")
    out = tmp_path / "new" / "masks"
    assert run(url, images, out) == [out / "a.png", out / "b.png"]
    mask = np.asarray(PIL.Image.open(out / "a.png"))
    np.testing.assert_array_equal(mask, [[0, 255], [0, 255]])
    assert np.asarray(PIL.Image.open(out / "b.png")).shape == (3, 5)
    assert sorted(out.iterdir()) == [out / "a.png", out / "b.png"]


def test_single_image_may_name_its_file(url, images, tmp_path):
    out = tmp_path / "mask.png"
    assert run(f"{url}/versions/1/", images / "a.png", out) == [out]
    assert out.read_bytes().startswith(b"\x89PNG")


def test_pages_of_a_tiff_travel_as_png_and_come_back_as_a_tiff(url, tmp_path):
    pages = np.array([[[0, 65535, 0]], [[40000, 100, 40000]]], np.uint16)
    tifffile.imwrite(tmp_path / "stack.tif", pages, photometric="minisblack")
    out = tmp_path / "masks"
    assert run(url, tmp_path / "stack.tif", out) == [out / "stack.tif"]
    masks = tifffile.imread(out / "stack.tif")
    np.testing.assert_array_equal(masks, [[[0, 255, 0]], [[255, 0, 255]]])


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_bytes_of_a_file_are_sent_as_they_are(suffix, tmp_path):
    PIL.Image.new("RGB", (3, 2)).save(tmp_path / f"a.{suffix}")
    mask = {"b64": base64.b64encode(png(np.zeros((2, 3), np.uint8))).decode()}
    received = []
    with stub(json.dumps({"predictions": [mask]}).encode(), received=received) as url:
        run(url, tmp_path / f"a.{suffix}", tmp_path / "masks")
    data = base64.b64encode((tmp_path / f"a.{suffix}").read_bytes()).decode()
    assert [json.loads(body) for body in received] == [
        {"signature_name": "image_bytes", "instances": [{"b64": data}]}
    ]


def test_image_that_png_cannot_hold_is_refused(url, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((2, 3), np.float32))
    with pytest.raises(ValueError, match=r"a\.tif.*float32"):
        run(url, tmp_path / "a.tif", tmp_path / "out")


def test_refused_image_is_named_with_the_words_of_the_server(url, images, tmp_path):
    (images / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    out = tmp_path / "masks"
    with pytest.raises(ValueError, match=r"b\.png: .*answered 400: .*DecodePng"):
        run(url, images, out)
    # What came before is whole, and nothing else is there.
    assert [file.name for file in out.iterdir()] == ["a.png"]


def test_unknown_model_is_told_with_the_words_of_the_server(url, images, tmp_path):
    with pytest.raises(ValueError, match="404: Could not find any versions of model n"):
        run(url.replace("toy", "nope"), images, tmp_path / "masks")


def test_server_that_is_not_there_is_told(images, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ValueError, match="refused.*`keras-unet serve`"):
        run(f"http://127.0.0.1:{port}/v1/models/toy", images, tmp_path / "masks")
    assert not (tmp_path / "masks").exists()


def test_model_that_is_not_available_is_told_with_its_state(images, tmp_path):
    failed = {"version": "2", "state": "END", "status": {"error_message": "no file"}}
    with stub(b"", state={"model_version_status": [failed]}) as url:
        with pytest.raises(ValueError, match="version 2 is END no file"):
            run(url, images, tmp_path / "masks")


def test_other_service_at_the_address_is_told(images, tmp_path):
    with stub(b"", state=["hello"]) as url:
        with pytest.raises(ValueError, match="not as TensorFlow Serving does"):
            run(url, images, tmp_path / "masks")


def test_late_answer_is_told_with_the_seconds(images, tmp_path):
    with stub(b"{}", seconds=1.0) as url:
        with pytest.raises(ValueError, match=r"a\.png: .* within 0\.2 seconds"):
            run(url, images, tmp_path / "masks", timeout=0.2)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"{}",
        b'{"predictions": []}',
        b'{"predictions": [[0.5]]}',
        b'{"predictions": [{"mask_bytes": {"b64": "no base64"}}]}',
        b'{"predictions": [{"b64": "bm8gUE5H"}]}',
    ],
)
def test_answer_without_a_mask_is_refused(answer):
    with stub(answer) as url:
        with pytest.raises(ValueError, match="expected a PNG as mask_bytes"):
            segment_image(url, b"")


@pytest.mark.parametrize("named", [True, False])
def test_mask_is_found_with_its_name_or_without(named):
    data = png(np.zeros((1, 1), np.uint8))
    mask = {"b64": base64.b64encode(data).decode()}
    answer = {"predictions": [{"mask_bytes": mask, "more": 1} if named else mask]}
    with stub(json.dumps(answer).encode()) as url:
        assert segment_image(url, b"") == data


def test_failure_that_is_no_json_is_told_by_its_status():
    with stub(b"<html>", status=503) as url:
        with pytest.raises(ValueError, match="503: Service Unavailable"):
            segment_image(url, b"")


@pytest.mark.parametrize(
    "bad", ["localhost:8501", "http://localhost:8501/v1/models/", "grpc://h:1/toy"]
)
def test_address_of_another_form_is_refused(bad, images, tmp_path):
    with pytest.raises(ValueError, match=f"/v1/models/NAME, got '{bad}"[:40]):
        run(bad, images, tmp_path / "masks")


def test_two_images_for_one_file_are_refused(url, images, tmp_path):
    PIL.Image.fromarray(np.zeros((1, 1), np.uint8)).save(images / "a.jpg")
    with pytest.raises(ValueError, match=r"a\.jpg and .*a\.png"):
        run(url, images, tmp_path / "masks")
