"""The threshold that images are scored at: the run's, a given one, or chosen anew."""

import collections
import contextlib
import dataclasses
import logging
from typing import NoReturn

from pipelines.config import DataConfig
from pipelines.dataset import Dataset, load_dataset, split
from pipelines.evaluation.unscored import unscored_sentence
from pipelines.overlap_tile import Net
from pipelines.run_folder import RunRecord
from pipelines.validation import own_threshold_of_objects, validate

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Threshold:
    """A threshold on P(foreground).

    Attributes:
        value: None from three classes on.
        source: "run" (in its config.json), "given" or "validation images"; None from
            three classes on.
        of_objects: that of numbered objects; None where it is the same.
    """

    value: float | None
    source: str | None
    of_objects: float | None = None

    def __str__(self) -> str:
        """Returns the threshold and where it is from."""
        if self.value is None:
            return "none: of three classes and more the most probable is taken"
        objects = (
            "" if self.of_objects is None else f" (of objects {self.of_objects:g})"
        )
        said = {
            "run": "of the run",
            "given": "given",
            "validation images": "chosen on the run's validation images",
        }[str(self.source)]
        return f"{self.value:g}{objects}, {said}"


def choose_threshold(
    wanted: str | float | None,
    record: RunRecord,
    net: Net,
    scored: Dataset,
    smallest_object: int = 1,
) -> Threshold:
    """Returns the threshold to score at.

    Args:
        wanted: a number, for objects too; "auto", which takes the best one (by mean
            IoU; for the objects of masks of instances by average precision) on the
            run's validation images that are not scored; None for the run's.
        record: of the run.
        net: of the run.
        scored: the images that are going to be scored.
        smallest_object: pixels; predicted objects of fewer are none.

    Raises:
        ValueError: the net decides without a threshold, or the validation images are
            not there as they were, or are all to be scored.
    """
    if wanted is None:
        if record.threshold is None:
            return Threshold(None, None)
        return Threshold(record.threshold, "run", record.object_threshold)
    if net.output_channels > 2:
        raise ValueError(
            f"threshold={wanted}, but the model tells {net.output_channels} classes "
            "apart, and takes the most probable. Leave threshold out."
        )
    if wanted != "auto":
        return Threshold(float(wanted), "given")
    held_out = _not_scored(validation_set(record), scored)

    def refuse(index: int, error: Exception) -> NoReturn:
        raise ValueError(
            "threshold=auto needs all validation images of the run. "
            f"{unscored_sentence(held_out, index, error)} Or give a number instead."
        ) from error

    value = validate(
        net, held_out, progress="Choosing the threshold", on_failure=refuse
    ).threshold
    logger.info(
        "Threshold %g chosen on the validation images of the run (%d), which are not "
        "scored.",
        value,
        len(held_out.pairs),
    )
    own = own_threshold_of_objects(
        net, held_out, smallest_object, value, on_failure=refuse
    )
    return Threshold(value, "validation images", own)


def validation_set(record: RunRecord) -> Dataset:
    """Reads the validation images of a run again.

    Raises:
        ValueError: they are not there, or are not as they were.
    """
    names = {field.name for field in dataclasses.fields(DataConfig)}
    settings = record.settings
    known = {name: value for name, value in settings.items() if name in names}
    if "images" not in known or "validation" not in record.data:
        raise ValueError(
            "threshold=auto needs the validation images of the run, but its "
            "config.json names none. Give a number instead."
        )
    try:
        found = _load(DataConfig(**known), record)
    except ValueError as error:
        raise ValueError(
            f"threshold=auto needs the validation images of the run ({error}) Put them "
            "where they were, or give a number instead."
        ) from error
    if found.fingerprint != record.data["validation"]["fingerprint"]:
        raise ValueError(
            f"threshold=auto: the validation images or masks of the run (in "
            f"{settings.get('validation_images') or known['images']}) have changed "
            "since fit. Restore them, or give a number instead."
        )
    return found


def _load(config: DataConfig, record: RunRecord) -> Dataset:
    of_its_own = record.settings.get("validation_images")
    dataset = load_dataset(
        config,
        images=of_its_own,
        masks=record.settings.get("validation_masks"),
        known=record.mask_coding,
        scaling=record.scaling,
    )
    usual = dataset
    if not of_its_own:
        # Stems may be gone.
        with contextlib.suppress(ValueError):
            stems = tuple(record.settings.get("validation_stems", ()))
            usual = split(dataset, stems)[1]
    recorded = record.data["validation"]
    if usual.fingerprint == recorded["fingerprint"]:
        return usual
    # Among others that were added since; of equal images as many as there were.
    left = collections.Counter(recorded.get("image_digests", ()))
    places = []
    for place, one in enumerate(dataset.facts):
        if left[one.image_digest] > 0:
            left[one.image_digest] -= 1
            places.append(place)
    return dataset.subset(places) if places else usual


def _not_scored(held_out: Dataset, scored: Dataset) -> Dataset:
    known = {one.image_digest for one in scored.facts}
    others = [
        place
        for place, one in enumerate(held_out.facts)
        if one.image_digest not in known
    ]
    if not others:
        raise ValueError(
            "threshold=auto: all validation images of the run are among those to be "
            "scored, and a threshold chosen on them would make the scores too good. "
            "Score other images, or leave threshold out for that of the run."
        )
    if len(others) < len(held_out.pairs):
        logger.warning(
            "%d validation images are to be scored too; the threshold is chosen on "
            "the others.",
            len(held_out.pairs) - len(others),
        )
    return held_out.subset(others)
