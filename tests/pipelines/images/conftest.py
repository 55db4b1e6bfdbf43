import contextlib
import os

import pytest
import tifffile

from pipelines.images.handles import SourceFile
from pipelines.images.tiff import contents

DESCRIPTORS = "/proc/self/fd"


@pytest.fixture
def places(tmp_path):
    def places(image, **options):
        tifffile.imwrite(tmp_path / "a.tif", image, **options)
        return contents.places(SourceFile(tmp_path / "a.tif"))

    return places


@pytest.fixture
def open_files(tmp_path):
    """A function that lists the files of this test that the process has open."""
    if not os.path.isdir(DESCRIPTORS):
        pytest.skip(f"looks into {DESCRIPTORS}")

    def listed():
        found = []
        for name in os.listdir(DESCRIPTORS):
            # Threads of other tests, as of servers, open and close theirs meanwhile.
            with contextlib.suppress(FileNotFoundError):
                found.append(os.readlink(os.path.join(DESCRIPTORS, name)))
        return [path for path in found if path.startswith(f"{tmp_path}/")]

    return listed
