import io
import itertools
import json
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse

import numpy as np
import PIL.Image
import pytest
import tifffile

from pipelines.client import (
    segment,
    segmenting,
    sending,
    service,
    verified_server,
)
from pipelines.client.failures import ServerFailure
from pipelines.client.service import Service
from pipelines.config import SegmentConfig
from pipelines.images import ArrayImage
from pipelines.images.done_files import RECORD
from pipelines.images.file_failures import FilesError


def png(array):
    buffer = io.BytesIO()
    PIL.Image.fromarray(array).save(buffer, "png")
    return buffer.getvalue()


@pytest.fixture
def image(random):
    return random.integers(0, 256, (40, 44)).astype(np.uint8)


@pytest.fixture
def images(tmp_path, image):
    """A folder with an 8-bit PNG."""
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "a.png").write_bytes(png(image))
    return folder


@pytest.fixture(params=["rest", "grpc"])
def url(request, rest_url, grpc_url):
    return rest_url if request.param == "rest" else grpc_url


def run(url, images, out, **settings):
    given = {"retries": 0, "images": str(images), "out": str(out)}
    return segment(SegmentConfig(url=url, **{**given, **settings}))


def read(path):
    return np.asarray(PIL.Image.open(path))


def test_masks_are_written_under_the_stems(url, images, image, tmp_path, mask_of):
    other = image[:30, ::-1]
    PIL.Image.fromarray(other).save(images / "b.png")
    out = tmp_path / "new" / "masks"
    assert run(url, images, out) == [out / "a.png", out / "b.png"]
    np.testing.assert_array_equal(read(out / "a.png"), mask_of(image))
    np.testing.assert_array_equal(read(out / "b.png"), mask_of(other))
    assert {file.name for file in out.iterdir()} == {"a.png", "b.png", RECORD}


def test_single_image_may_name_its_file(rest_url, images, tmp_path):
    out = tmp_path / "mask.png"
    assert run(f"{rest_url}/versions/1/", images / "a.png", out) == [out]
    assert out.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("suffix", ["tif", "npy"])
def test_pages_of_a_stack_come_back_as_a_tiff(url, image, tmp_path, mask_of, suffix):
    pages = np.stack([image, image[::-1]])
    if suffix == "tif":
        tifffile.imwrite(tmp_path / "stack.tif", pages, photometric="minisblack")
    else:
        np.save(tmp_path / "stack.npy", pages)
    out = tmp_path / "masks"
    assert run(url, tmp_path / f"stack.{suffix}", out) == [out / "stack.tif"]
    with tifffile.TiffFile(out / "stack.tif") as file:
        masks = [page.asarray() for page in file.pages]
    np.testing.assert_array_equal(masks, [mask_of(page) for page in pages])


def test_image_beyond_the_limit_is_cut_and_stitched(
    url, images, random, tmp_path, mask_of, limit
):
    large = random.integers(0, 256, (150, 130)).astype(np.uint8)
    assert large.size > limit
    PIL.Image.fromarray(large).save(images / "b.png")
    run(url, images, tmp_path / "masks")
    np.testing.assert_array_equal(read(tmp_path / "masks/b.png"), mask_of(large))
    assert {f.name for f in (tmp_path / "masks").iterdir()} == {
        *("a.png", "b.png"),
        RECORD,
    }


def test_an_image_whose_version_is_unloaded_is_of_the_next_one(
    swapping, random, tmp_path, mask_of, stricter, caplog
):
    large = random.integers(0, 256, (150, 130)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", large)
    url = f"{swapping.rest}/v1/models/cells"
    (path,) = run(url, tmp_path / "a.tif", tmp_path / "masks", retries=4)
    np.testing.assert_array_equal(tifffile.imread(path), mask_of(large, stricter[1]))
    assert "a.tif: " in caplog.text and "It is sent again now." in caplog.text
    assert "another model now than at the start" in caplog.text


@pytest.mark.parametrize("shape", [(2, 150, 130), (9, 40, 44)])
def test_a_stack_whose_version_is_unloaded_is_of_the_next_one(
    replaced, shape, random, tmp_path, mask_of, stricter, monkeypatch, caplog
):
    addresses, replace = replaced
    pages = random.integers(0, 256, shape).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pages, photometric="minisblack")
    after_page(monkeypatch, 0, replace)
    url = f"{addresses.rest}/v1/models/cells"
    (path,) = run(url, tmp_path / "a.tif", tmp_path / "masks", retries=4)
    found = tifffile.imread(path)
    expected = [mask_of(page, stricter[1]) for page in pages]
    np.testing.assert_array_equal(found, expected)
    assert "It is sent again now." in caplog.text


def after_page(monkeypatch, page, call):
    """Calls once a page of a stack was answered: each time, before the next."""
    mask_of_file, windows = sending.mask_of_file, Service.mask_windows
    lock, of_stack = threading.Lock(), itertools.count()

    def mask(*given):
        # The pages one after the other.
        with lock:
            found = mask_of_file(*given)
            if next(of_stack) == page:
                call()
        return found

    def mask_windows(self, image):
        yield from windows(self, image)
        if next(of_stack) == page:
            call()

    monkeypatch.setattr(sending, "mask_of_file", mask)
    monkeypatch.setattr(Service, "mask_windows", mask_windows)


def test_a_stack_that_loses_its_version_twice_fails_alone(
    replaced, image, tmp_path, monkeypatch
):
    addresses, replace = replaced
    (tmp_path / "images").mkdir()
    tifffile.imwrite(
        tmp_path / "images/a.tif", np.stack([image] * 9), photometric="minisblack"
    )
    (tmp_path / "images/b.png").write_bytes(png(image))
    mask_of_file, lock, times = sending.mask_of_file, threading.Lock(), [replace] * 2

    def mask(pool, data):
        with lock:
            found = mask_of_file(pool, data)
            # Of the stack, whose pages are of one version.
            if times and pool.servers[0].address.version is not None:
                times.pop()()
        return found

    monkeypatch.setattr(sending, "mask_of_file", mask)
    url = f"{addresses.rest}/v1/models/cells"
    with pytest.raises(FilesError, match=r"a\.tif page \d: .* was unloaded") as caught:
        run(url, tmp_path / "images", tmp_path / "masks", retries=4)
    assert times == []
    assert [path.name for path in caught.value.done] == ["b.png"]
    assert not (tmp_path / "masks/a.tif").exists()


def test_a_version_of_the_address_that_is_unloaded_ends_it(swapping, random, tmp_path):
    large = random.integers(0, 256, (2, 150, 130)).astype(np.uint8)
    for name, pixels in zip("ab", large, strict=True):
        tifffile.imwrite(tmp_path / f"{name}.tif", pixels)
    url = f"{swapping.rest}/v1/models/cells/versions/1"
    with pytest.raises(ServerFailure, match=r"a\.tif: .*version 1 was unloaded"):
        run(url, tmp_path / "*.tif", tmp_path / "masks", retries=4)


def test_alpha_of_a_large_image_is_left_out_as_of_a_small_one(
    url, random, tmp_path, mask_of, limit
):
    grey = random.integers(0, 256, (150, 130, 2)).astype(np.uint8)
    assert grey[..., 0].size > limit
    PIL.Image.fromarray(grey, "LA").save(tmp_path / "a.png")
    run(url, tmp_path / "a.png", tmp_path / "masks")
    found = read(tmp_path / "masks/a.png")
    np.testing.assert_array_equal(found, mask_of(np.ascontiguousarray(grey[..., 0])))


def test_a_model_of_two_channels_gets_regions(random, about_of):
    pixels = random.integers(0, 256, (4, 5, 2)).astype(np.uint8)
    image = ArrayImage(pixels, "a")
    about = about_of(pixel_limit=20)
    assert Service(None, None, about).takes_whole(image)
    of_two = about_of(pixel_limit=20, channels=2)
    assert not Service(None, None, of_two).takes_whole(image)


def test_a_second_dye_is_not_taken_for_alpha(rest_url, image, tmp_path):
    both = np.stack([image, image])
    axes = {"axes": "CYX"}
    tifffile.imwrite(tmp_path / "a.tif", both, imagej=True, metadata=axes)
    with pytest.raises(ValueError, match=r"a\.tif: 1 channels expected, got 2"):
        run(rest_url, tmp_path / "a.tif", tmp_path / "out")


def test_image_that_png_cannot_hold_goes_as_regions(grpc_url, image, tmp_path, mask_of):
    tifffile.imwrite(tmp_path / "a.tif", image.astype(np.float32))
    run(grpc_url, tmp_path / "a.tif", tmp_path / "out")
    found = tifffile.imread(tmp_path / "out" / "a.tif")
    np.testing.assert_array_equal(found, mask_of(image))


def test_mask_that_no_png_holds_becomes_a_tiff(
    rest_url, images, image, tmp_path, monkeypatch, mask_of
):
    monkeypatch.setattr("pipelines.images.png_writing.MOST_PIXELS", 100)
    out = tmp_path / "masks"
    assert run(rest_url, images, out) == [out / "a.tif"]
    np.testing.assert_array_equal(tifffile.imread(out / "a.tif"), mask_of(image))
    assert {file.name for file in out.iterdir()} == {"a.tif", RECORD}


def test_servers_share_the_work_and_one_may_be_missing(
    rest_url, grpc_url, images, image, tmp_path, mask_of
):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    urls = f"http://127.0.0.1:{port}/v1/models/cells,{rest_url},{grpc_url}"
    run(urls, images, tmp_path / "masks")
    np.testing.assert_array_equal(read(tmp_path / "masks/a.png"), mask_of(image))


def test_a_server_that_dies_in_the_middle_of_an_answer_is_survived(
    rest_url, grpc_url, random, tmp_path, mask_of, cutting_proxy
):
    large = random.integers(0, 256, (300, 260)).astype(np.uint8)
    PIL.Image.fromarray(large).save(tmp_path / "a.png")
    port = urllib.parse.urlsplit(rest_url).port
    # Less than the answers for two regions.
    with cutting_proxy(port, most_bytes=60_000) as (dying, gone):
        urls = f"http://127.0.0.1:{dying}/v1/models/cells,{grpc_url}"
        run(urls, tmp_path / "a.png", tmp_path / "masks")
        assert gone.is_set()
    np.testing.assert_array_equal(read(tmp_path / "masks/a.png"), mask_of(large))


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_bytes_of_a_file_are_sent_as_they_are(suffix, tmp_path, stub, b64):
    PIL.Image.new("RGB", (3, 2)).save(tmp_path / f"a.{suffix}")
    mask = b64(png(np.zeros((2, 3), np.uint8)))
    received = []
    with stub(json.dumps({"predictions": [mask]}).encode(), received=received) as url:
        run(url, tmp_path / f"a.{suffix}", tmp_path / "masks")
    data = b64((tmp_path / f"a.{suffix}").read_bytes())
    assert [json.loads(body) for body in received] == [
        {"signature_name": "image_bytes", "instances": [data]}
    ]


def test_model_that_tells_nothing_of_itself_takes_what_png_holds(stub, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((2, 3), np.float32))
    with stub(b"{}") as url:
        with pytest.raises(ValueError, match=r"a\.tif: images travel as PNG.*float32"):
            run(url, tmp_path / "a.tif", tmp_path / "out")


def test_refused_image_is_named_with_the_words_of_the_server(url, images, tmp_path):
    whole = (images / "a.png").read_bytes()
    (images / "b.png").write_bytes(whole[:-200])
    out = tmp_path / "masks"
    (images / "c.png").write_bytes(whole)
    with pytest.raises(
        FilesError, match=r"1 of 3 files failed.*b\.png: .*answered .*DecodePng"
    ) as caught:
        run(url, images, out)
    # The others are done, and nothing else is there.
    assert caught.value.done == [out / "a.png", out / "c.png"]
    assert {file.name for file in out.iterdir()} == {"a.png", "c.png", RECORD}


def test_a_stack_with_a_bad_page_fails_alone(url, images, image, tmp_path, monkeypatch):
    pages = np.stack([image] * 40)
    tifffile.imwrite(
        images / "b.tif", pages, compression="zlib", photometric="minisblack"
    )
    with tifffile.TiffFile(images / "b.tif") as file:
        offset = file.pages[1].dataoffsets[0]
    with (images / "b.tif").open("r+b") as file:
        file.seek(offset)
        file.write(bytes(8))
    (images / "c.png").write_bytes((images / "a.png").read_bytes())
    sent = []
    send = segmenting.send_image
    monkeypatch.setattr(
        segmenting,
        "send_image",
        lambda served, done, entry: sent.append(entry) or send(served, done, entry),
    )
    with pytest.raises(FilesError, match=r"1 of 3 .*b\.tif page 1: ") as caught:
        run(url, images, tmp_path / "masks")
    # The pages after it are not sent for nothing.
    assert len(sent) < 10
    assert [path.name for path in caught.value.done] == ["a.png", "c.png"]
    assert not (tmp_path / "masks" / "b.tif").exists()


def test_masks_drawn_by_hand_are_not_replaced(rest_url, images, image, tmp_path):
    (images / "b.png").write_bytes(png(image))
    masks = tmp_path / "masks"
    masks.mkdir()
    (masks / "b.png").write_bytes(b"drawn by hand")
    with pytest.raises(ValueError, match=r"masks/b\.png is already there, and is no"):
        run(rest_url, images, masks)
    assert [path.name for path in masks.iterdir()] == ["b.png"]
    assert (masks / "b.png").read_bytes() == b"drawn by hand"
    (masks / "b.png").unlink()
    # Masks of a server are replaced by the next ones.
    for _ in range(2):
        assert len(run(rest_url, images, masks)) == 2


def test_masks_of_a_process_that_was_killed_are_replaced(rest_url, images, tmp_path):
    out = tmp_path / "masks"
    run(rest_url, images, out)
    # Before the servers said again what they serve.
    lines = (out / RECORD).read_text().splitlines()
    (out / RECORD).write_text(
        "".join(f"{one}\n" for one in lines if '"key": ""' in one)
    )
    (out / "a.png").write_bytes(b"of another model")
    assert [path.name for path in run(rest_url, images, out, resume=True)] == ["a.png"]
    assert read(out / "a.png").shape == (40, 44)


def test_resume_leaves_out_what_is_done(
    images, image, tmp_path, stub, b64, monkeypatch
):
    monkeypatch.setattr("pipelines.client.pool.REQUESTS_EACH", 1)
    (images / "b.png").write_bytes(png(image))
    mask = b64(png(np.zeros((2, 3), np.uint8)))
    answer = json.dumps({"predictions": [mask]}).encode()
    out, received = tmp_path / "masks", []
    # The second image finds the server gone for good.
    with stub(answer, status=[200, 503, 200], received=received) as url:
        with pytest.raises(FilesError, match=r"b\.png.* 1 of 2 files are done; resume"):
            run(url, images, out)
        found = run(url, images, out, resume=True)
        assert found == [out / "a.png", out / "b.png"]
        assert len(received) == 3
        # Another image is not done, and what is asked for anew is sent anew.
        (images / "a.png").write_bytes(png(image[::-1]))
        run(url, images, out, resume=True)
        assert len(received) == 4
        run(url, images, out)
        assert len(received) == 6


def test_resume_is_of_the_model_that_is_served(
    images, rest_url, tmp_path, monkeypatch, about_of, caplog
):
    out = tmp_path / "masks"
    asked = []
    (path,) = run(rest_url, images, out)
    before = path.stat().st_mtime_ns
    run(rest_url, images, out, resume=True)
    assert path.stat().st_mtime_ns == before
    other = about_of(text="another model")

    def ask_about(pool, seconds=None):
        asked.append(pool)
        return other

    monkeypatch.setattr(service, "ask_about", ask_about)
    monkeypatch.setattr(verified_server, "about_of", lambda *given: other)
    run(rest_url, images, out, resume=True)
    assert path.stat().st_mtime_ns != before and asked
    # At the end it was the first one again, so of neither it is known to be done.
    assert "serve another model now than at the start" in caplog.text
    before = path.stat().st_mtime_ns
    run(rest_url, images, out, resume=True)
    assert path.stat().st_mtime_ns != before


def test_servers_of_two_models_are_refused_before_an_image_is_sent(
    images, tmp_path, rest_url, stub
):
    state = {"model_version_status": [{"version": "1", "state": "AVAILABLE"}]}
    received = []
    with stub(b"{}", state=state, received=received) as silent:
        with pytest.raises(ValueError, match="serve different models, of which no"):
            run(f"{rest_url},{silent}", images, tmp_path / "masks")
    assert received == []


def test_an_image_that_the_server_fails_on_fails_alone(
    images, image, tmp_path, stub, b64
):
    (images / "b.png").write_bytes(png(image))
    mask = b64(png(np.zeros((2, 3), np.uint8)))
    answer = json.dumps({"predictions": [mask]}).encode()
    out = tmp_path / "masks"
    with stub(answer, status=[500, 200]) as url:
        with pytest.raises(FilesError, match="1 of 2 files failed") as caught:
            run(url, images, out)
    assert len(caught.value.done) == 1


def test_ctrl_c_waits_for_no_request(images, tmp_path, stub):
    # In a process of the background the signal may be ignored.
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "import pipelines; from pipelines.config import SegmentConfig; "
        "pipelines.segment(SegmentConfig(url={!r}, images={!r}, out={!r}))"
    )
    received = []
    with stub(b"{}", seconds=20.0, received=received) as url:
        words = code.format(url, str(images), str(tmp_path / "masks"))
        process = subprocess.Popen(
            [sys.executable, "-c", words], stderr=subprocess.PIPE
        )
        while not received and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=15)
    assert b"KeyboardInterrupt" in errors


def test_what_was_done_before_ctrl_c_is_left_out_by_resume(
    images, image, rest_url, tmp_path, monkeypatch
):
    (images / "b.png").write_bytes(png(image))
    out = tmp_path / "masks"
    write_masks = segmenting.write_masks

    def interrupted(path, *given):
        if path.stem == "b":
            raise KeyboardInterrupt
        return write_masks(path, *given)

    with monkeypatch.context() as patch:
        patch.setattr(segmenting, "write_masks", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(rest_url, images, out)
    before = (out / "a.png").stat().st_mtime_ns
    assert [path.name for path in run(rest_url, images, out, resume=True)] == [
        "a.png",
        "b.png",
    ]
    assert (out / "a.png").stat().st_mtime_ns == before


def test_place_on_the_earth_is_kept(rest_url, image, tmp_path, mask_of):
    rasterio = pytest.importorskip("rasterio")
    transform = rasterio.Affine(0.5, 0, 500_000, 0, -0.5, 5_000_000)
    profile = {"driver": "GTiff", "height": 40, "width": 44, "count": 1}
    with rasterio.open(
        tmp_path / "a.tif",
        "w",
        dtype="uint8",
        crs="EPSG:32632",
        transform=transform,
        **profile,
    ) as file:
        file.write(image, 1)
    (path,) = run(rest_url, tmp_path / "a.tif", tmp_path / "masks")
    with rasterio.open(path) as file:
        assert (file.crs.to_epsg(), file.transform) == (32632, transform)
        np.testing.assert_array_equal(file.read(1), mask_of(image))


def test_an_image_that_goes_away_while_it_is_sent_fails_alone(
    rest_url, images, image, tmp_path, monkeypatch
):
    for name in ("b", "c"):
        (images / f"{name}.png").write_bytes(png(image))
    content = sending._file_content

    def going(entry, opened):
        if entry.stem == "b":
            entry.path.unlink()
        return content(entry, opened)

    monkeypatch.setattr(sending, "_file_content", going)
    with pytest.raises(FilesError, match=r"b\.png: the file does not exist") as caught:
        run(rest_url, images, tmp_path / "masks")
    assert [path.name for path in caught.value.done] == ["a.png", "c.png"]


def test_lost_servers_end_it_with_all_that_is_known(
    images, image, tmp_path, stub, b64, monkeypatch
):
    monkeypatch.setattr("pipelines.client.pool.REQUESTS_EACH", 1)
    for name in ("b", "c"):
        (images / f"{name}.png").write_bytes(png(image))
    mask = b64(png(np.zeros((2, 3), np.uint8)))
    answer = json.dumps({"predictions": [mask]}).encode()
    with stub(answer, status=[200, 400, 503]) as url:
        with pytest.raises(FilesError) as caught:
            run(url, images, tmp_path / "masks")
    text = str(caught.value)
    assert "1 of 3 files are done; resume" in text
    assert "1 of 3 files failed" in text and "b.png: " in text


def test_folder_that_cannot_be_written_is_told_before_an_image_is_sent(
    images, tmp_path, stub
):
    (tmp_path / "file").write_bytes(b"")
    received = []
    with stub(b"{}", received=received) as url:
        with pytest.raises(ValueError, match="file.masks: cannot be written to"):
            run(url, images, tmp_path / "file" / "masks")
    assert received == []


def test_server_that_is_not_there_is_told(images, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ValueError, match="refused.*`keras-unet serve`"):
        run(f"http://127.0.0.1:{port}/v1/models/toy", images, tmp_path / "masks")
    assert not (tmp_path / "masks").exists()


def test_two_images_for_one_file_are_refused(rest_url, images, tmp_path):
    PIL.Image.fromarray(np.zeros((1, 1), np.uint8)).save(images / "a.jpg")
    with pytest.raises(ValueError, match=r"a\.jpg and .*a\.png"):
        run(rest_url, images, tmp_path / "masks")


def test_files_over_rest_need_no_tensorflow(rest_url, images, tmp_path):
    code = (
        "import sys, pipelines; from pipelines.config import SegmentConfig; "
        f"pipelines.segment(SegmentConfig(url={rest_url!r}, images={str(images)!r}, "
        f"out={str(tmp_path / 'out')!r})); "
        "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
