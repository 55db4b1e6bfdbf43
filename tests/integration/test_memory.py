"""What `--memory` promises, held by a real process."""

import pathlib
import re
import subprocess
import sys

import numpy as np
import PIL.Image
import pytest
import tifffile

import keras_unet
from pipelines import save_run

ROOT = pathlib.Path(__file__).parents[2]
STATUS = pathlib.Path("/proc/self/status")
# The peak of this process alone: that of a child, as `resource` has it, begins with
# what its parent held.
COMMAND = f"""
import sys
from pipelines import cli
status = cli.main(sys.argv[1:])
for line in open({str(STATUS)!r}):
    if line.startswith("VmHWM:"):
        print(line)
sys.exit(status)
"""


pytestmark = pytest.mark.skipif(
    not STATUS.exists(), reason="the system does not tell the peak"
)


@pytest.fixture
def predict(tmp_path):
    model = keras_unet.build_unet("padded", (None, None, 1), 1, base_filters=8, depth=2)
    save_run(model, tmp_path / "run", threshold=0.5)

    def run(name, memory):
        words = ["predict", "--model", str(tmp_path / "run"), "--memory", memory]
        words += ["--images", str(tmp_path / name), "--out", str(tmp_path / "out.tif")]
        command = [sys.executable, "-c", COMMAND, *words]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    return run


def peak_bytes(done, written):
    assert done.returncode == 0, done.stderr
    first, peak = done.stdout.splitlines()[:2]
    assert first == str(written)
    return int(peak.removeprefix("VmHWM:").removesuffix("kB")) * 1024


def test_predict_stays_within_its_memory(random, tmp_path, predict):
    # In one piece it takes 2.9 GB.
    pixels = random.integers(0, 256, (3000, 3000), dtype=np.uint8)
    tile = {"tile": (256, 256), "compression": "zlib"}
    tifffile.imwrite(tmp_path / "a.tif", pixels, **tile)
    done = predict("a.tif", "1000MB")
    assert peak_bytes(done, tmp_path / "out.tif") <= 1000 * 10**6


@pytest.mark.slow
def test_a_file_that_is_decoded_as_a_whole_is_within_it_too(tmp_path, predict):
    square = np.kron(np.eye(9, dtype=np.uint8) * 255, np.ones((1000, 1000), np.uint8))
    colour = PIL.Image.merge("RGB", [PIL.Image.fromarray(square)] * 3)
    colour.convert("L").save(tmp_path / "a.jpg", progressive=True)
    done = predict("a.jpg", "800MB")
    needed = re.search(r"to decode this image takes (\d+)MB", done.stderr)
    assert done.returncode == 2 and needed, done.stderr
    megabytes = int(needed[1]) + 20
    done = predict("a.jpg", f"{megabytes}MB")
    assert peak_bytes(done, tmp_path / "out.tif") <= megabytes * 10**6
