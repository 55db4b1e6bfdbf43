"""Images paired with their masks, checked before they are used."""

from pipelines.dataset.cutting import cut_in_two
from pipelines.dataset.dataset import Dataset, heed, load_dataset
from pipelines.dataset.splitting import split

__all__ = ["Dataset", "cut_in_two", "heed", "load_dataset", "split"]
