"""A sheet of augmented training tiles, to see what a training would be shown."""

from pipelines.config import CheckConfig
from pipelines.dataset import Dataset


def preview(dataset: Dataset, config: CheckConfig) -> bytes:
    """Returns a sheet of tiles as a PNG file."""
    raise NotImplementedError
