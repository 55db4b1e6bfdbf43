"""Which images a run has seen before: scores on those are too good."""

from pipelines.dataset import Dataset
from pipelines.run_folder import RunRecord

# Names in a sentence; more are counted.
_MOST_NAMED = 5


def seen_images(dataset: Dataset, record: RunRecord) -> list[str]:
    """Returns sentences on images that the run was trained or validated on.

    Images are told by their pixels, whatever they are called. Runs from before single
    images were recorded know only the set of all their images and masks.

    Args:
        dataset: that is to be scored.
        record: of the run.
    """
    trained, validated = (
        _names_of(dataset, record.data.get(part, {}))
        for part in ("training", "validation")
    )
    total = len(dataset.pairs)
    found = []
    if trained:
        found.append(
            f"The run was trained on {len(trained)} of these {total} images "
            f"({_listed(trained)}): the scores are too good. Score images that fit has "
            "not seen."
        )
    if validated:
        chose = "the best model"
        if record.threshold is not None:
            chose = "the threshold and the best model"
        found.append(
            f"{len(validated)} of these {total} images ({_listed(validated)}) chose "
            f"{chose} of the run: on images that it has never seen, scores may be a "
            "little lower."
        )
    return found


def seen_places(dataset: Dataset, part: dict[str, object]) -> list[int]:
    """Returns the places of images that are among those that a run records."""
    digests = part.get("image_digests")
    if isinstance(digests, list):
        known = set(digests)
        facts = enumerate(dataset.facts)
        return [place for place, one in facts if one.image_digest in known]
    same = part.get("fingerprint") == dataset.fingerprint
    return list(range(len(dataset.pairs))) if same else []


def _names_of(dataset: Dataset, part: dict[str, object]) -> list[str]:
    places = seen_places(dataset, part)
    return [dataset.pairs[place].image.key for place in places]


def _listed(names: list[str]) -> str:
    more = len(names) - _MOST_NAMED
    shown = ", ".join(names[:_MOST_NAMED])
    return f"{shown} and {more} more" if more > 0 else shown
