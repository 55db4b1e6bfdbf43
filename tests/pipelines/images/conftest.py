import pytest
import tifffile

from pipelines.images import tiff
from pipelines.images.handles import SourceFile


@pytest.fixture
def places(tmp_path):
    def places(image, **options):
        tifffile.imwrite(tmp_path / "a.tif", image, **options)
        return tiff.places(SourceFile(tmp_path / "a.tif"))

    return places
