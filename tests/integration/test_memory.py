"""What `--memory` promises, held by a real process."""

import pathlib
import subprocess
import sys

import numpy as np
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


@pytest.mark.skipif(not STATUS.exists(), reason="the system does not tell the peak")
def test_predict_stays_within_its_memory(random, tmp_path):
    # In one piece it takes 2.9 GB.
    pixels = random.integers(0, 256, (3000, 3000), dtype=np.uint8)
    tile = {"tile": (256, 256), "compression": "zlib"}
    tifffile.imwrite(tmp_path / "a.tif", pixels, **tile)
    model = keras_unet.build_unet("padded", (None, None, 1), 1, base_filters=8, depth=2)
    save_run(model, tmp_path / "run", threshold=0.5)
    words = ["predict", "--model", str(tmp_path / "run"), "--memory", "1000MB"]
    words += ["--images", str(tmp_path / "a.tif"), "--out", str(tmp_path / "out.tif")]
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    written, peak = done.stdout.splitlines()[:2]
    assert written == str(tmp_path / "out.tif")
    kibibytes = int(peak.removeprefix("VmHWM:").removesuffix("kB"))
    assert kibibytes * 1024 <= 1000 * 10**6
