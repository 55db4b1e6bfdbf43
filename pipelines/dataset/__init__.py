"""Images paired with their masks, checked before they are used."""

from pipelines.dataset.dataset import Dataset, heed, load_dataset
from pipelines.dataset.splitting import split

__all__ = ["Dataset", "heed", "load_dataset", "split"]
