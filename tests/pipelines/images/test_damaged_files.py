"""Files of every kind, damaged: pixels or one sentence, never a crash."""

import io
import pathlib
import subprocess
import sys
import textwrap

import imagecodecs
import numpy as np
import PIL.Image
import pytest
import tifffile
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.images import find_images, open_image, open_mask

PIXELS = np.random.default_rng(5).integers(0, 256, (40, 56, 3), "uint8")
GREY = PIXELS[..., 0].copy()


def by_pillow(kind, mode="RGB"):
    buffer = io.BytesIO()
    PIL.Image.fromarray(PIXELS).convert(mode).save(buffer, kind)
    return buffer.getvalue()


def by_tifffile(image=GREY, **options):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, image, **options)
    return buffer.getvalue()


def by_numpy(image):
    buffer = io.BytesIO()
    np.save(buffer, image)
    return buffer.getvalue()


STACK = np.stack([GREY] * 3)
CORPUS = {
    "grey.png": bytes(imagecodecs.png_encode(GREY)),
    "deep.png": bytes(imagecodecs.png_encode(PIXELS.astype("uint16") * 257)),
    "palette.png": by_pillow("PNG", "P"),
    "colour.jpg": by_pillow("JPEG"),
    "colour.bmp": by_pillow("BMP"),
    "palette.bmp": by_pillow("BMP", "P"),
    "colour.webp": by_pillow("WEBP"),
    "plain.tif": by_tifffile(),
    "tiles.tif": by_tifffile(tile=(16, 16), compression="lzw", predictor=True),
    "strips.tif": by_tifffile(rowsperstrip=8, compression="zlib"),
    "jpeg.tif": by_tifffile(PIXELS, photometric="rgb", compression="jpeg"),
    "planes.tif": by_tifffile(
        PIXELS.transpose(2, 0, 1), photometric="rgb", planarconfig="separate"
    ),
    "floats.tif": by_tifffile(GREY.astype("float32"), compression="zstd"),
    "big.tif": by_tifffile(bigtiff=True, byteorder=">"),
    "stack.tif": by_tifffile(STACK, photometric="minisblack"),
    "imagej.tif": by_tifffile(STACK, imagej=True, metadata={"axes": "ZYX"}),
    "ome.tif": by_tifffile(STACK, ome=True, metadata={"axes": "CYX"}),
    "grey.npy": by_numpy(GREY),
    "stack.npy": by_numpy(STACK),
}
EVERY_FILE = pytest.mark.parametrize("name", CORPUS)


def outcome(path):
    """Reads all images of a file: "pixels", or the sentence."""
    try:
        for entry in find_images(str(path))[:5]:
            for opened in (open_image, open_mask):
                with opened(entry) as image:
                    # Damage may leave a header that is true and very large.
                    height, width = min(image.height, 300), min(image.width, 300)
                    pixels = image.window(0, 0, height, width)
                    assert pixels.shape == (height, width, image.channels)
    except ValueError as error:
        said = str(error)
        assert str(path) in said and "\n" not in said and said.endswith(".")
        return said
    return "pixels"


@EVERY_FILE
def test_a_file_is_read_while_it_is_whole_and_refused_by_name_when_it_is_cut(
    tmp_path, name
):
    path = tmp_path / name
    data = CORPUS[name]
    path.write_bytes(data)
    assert outcome(path) == "pixels"
    for length in (0, 1, 7, 20, len(data) // 3, len(data) // 2):
        path.write_bytes(data[:length])
        assert outcome(path) != "pixels", length
        assert ("the file is empty" in outcome(path)) == (length == 0)


@pytest.mark.parametrize(
    ("suffix", "kind"), [("png", "PNG"), ("jpg", "JPEG"), ("tif", "TIFF")]
)
def test_a_file_under_another_suffix_is_called_what_it_is(tmp_path, suffix, kind):
    path = tmp_path / f"image.{suffix}"
    for name, data in CORPUS.items():
        true_kind = {"jpg": "JPEG", "tif": "TIFF"}.get(name[-3:], name[-4:].strip("."))
        if true_kind.upper() != kind:
            path.write_bytes(data)
            said = outcome(path)
            assert f"cannot be read as {kind} (by its first bytes" in said
            assert true_kind.upper() in said and "Rename it to" in said


def mutate(data, random, flips, cut):
    data = bytearray(data[: len(data) - cut * len(data) // 100])
    for _ in range(flips if data else 0):
        # Headers are at both ends.
        place = random.choice([len(data) - 1, 200, 1000])
        place = random.randint(0, min(place, len(data) - 1))
        data[place] ^= 1 << random.randint(0, 7)
    return bytes(data)


def check_mutations(folder, name, flips, cut, random):
    path = folder / name
    path.write_bytes(mutate(CORPUS[name], random, flips, cut))
    outcome(path)


MUTATIONS = {
    "name": st.sampled_from(sorted(CORPUS)),
    "flips": st.integers(0, 4),
    "cut": st.sampled_from([0, 0, 0, 5, 50, 90]),
    "random": st.randoms(use_true_random=False),
}
# The folder is one for all examples: every example writes its own file.
QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(max_examples=400, suppress_health_check=QUIET)
@given(**MUTATIONS)
def test_any_damage_gives_pixels_or_a_sentence(tmp_path, name, flips, cut, random):
    check_mutations(tmp_path, name, flips, cut, random)


@pytest.mark.slow
@settings(max_examples=20_000, suppress_health_check=QUIET)
@given(**MUTATIONS)
def test_much_damage_gives_pixels_or_a_sentence(tmp_path, name, flips, cut, random):
    check_mutations(tmp_path, name, flips, cut, random)


# Headers that promise what the file cannot hold.


def giant_png():
    data = bytearray(CORPUS["grey.png"])
    data[16:24] = (100_000).to_bytes(4, "big") * 2
    chunk = bytes(data[12:29])
    data[29:33] = imagecodecs.zlib_crc32(chunk).to_bytes(4, "big")
    return bytes(data)


def giant_bmp():
    data = bytearray(CORPUS["colour.bmp"])
    data[18:26] = (100_000).to_bytes(4, "little") * 2
    return bytes(data)


def giant_jpeg():
    data = bytearray(CORPUS["colour.jpg"])
    start = data.index(b"\xff\xc0") + 5
    data[start : start + 4] = (65_000).to_bytes(2, "big") * 2
    return bytes(data)


def giant_tiff(**options):
    buffer = io.BytesIO(by_tifffile(**options))
    with tifffile.TiffFile(buffer, mode="r+b") as file:
        for name in ("ImageWidth", "ImageLength"):
            file.pages.first.tags[name].overwrite(100_000)
    return buffer.getvalue()


def giant_npy():
    buffer = io.BytesIO()
    about = {"descr": "|u1", "fortran_order": False, "shape": (100_000, 100_000)}
    np.lib.format.write_array_header_1_0(buffer, about)
    return buffer.getvalue() + bytes(1000)


GIANTS = {
    "giant.png": giant_png,
    "giant.bmp": giant_bmp,
    "giant.jpg": giant_jpeg,
    "tiles.tif": lambda: giant_tiff(tile=(16, 16), compression="lzw"),
    "strips.tif": lambda: giant_tiff(rowsperstrip=8, compression="zlib"),
    "plain.tif": giant_tiff,
    "giant.npy": giant_npy,
}
READ_ALL = textwrap.dedent("""
    import pathlib, resource, sys
    from pipelines.images import find_images, read_image

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    folder, = sys.argv[1:]
    for path in sorted(pathlib.Path(folder).iterdir()):
        # Of address space, beyond what the imports took.
        size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        limit = size + 512 * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
        try:
            for entry in find_images(str(path)):
                read_image(entry)
            print("pixels", path)
        except ValueError as error:
            print("refused", error)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print("grown", (after - before) // 1024)
""")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_headers_of_giants_are_refused_without_taking_memory(tmp_path):
    for name, make in GIANTS.items():
        (tmp_path / name).write_bytes(make())
    store = zarr.create_array(
        tmp_path / "giant.zarr", shape=(10**5, 10**5), chunks=(512, 512), dtype="u1"
    )
    assert store.nchunks_initialized == 0
    run = subprocess.run(
        [sys.executable, "-c", READ_ALL, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=pathlib.Path(__file__).parents[3],
        timeout=120,
        check=True,
    )
    *said, grown = run.stdout.splitlines()
    assert len(said) == len(GIANTS) + 1
    assert all(line.startswith("refused") for line in said), said
    assert int(grown.split()[1]) < 100
