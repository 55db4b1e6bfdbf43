"""Images paired with their masks, checked before they are used."""

from pipelines.dataset.dataset import Dataset, load_dataset, split, warn_of_leaks

__all__ = ["Dataset", "load_dataset", "split", "warn_of_leaks"]
