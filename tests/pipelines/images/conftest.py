import pytest
import tifffile

from pipelines.images.handles import SourceFile
from pipelines.images.tiff import contents


@pytest.fixture
def places(tmp_path):
    def places(image, **options):
        tifffile.imwrite(tmp_path / "a.tif", image, **options)
        return contents.places(SourceFile(tmp_path / "a.tif"))

    return places
