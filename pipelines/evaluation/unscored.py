"""Images of a set that cannot be scored, while the others can."""

import logging

from pipelines.dataset import Dataset
from pipelines.images.damage import UnreadableImage
from pipelines.images.finding import printable
from pipelines.results.file_failures import summary
from pipelines.scores.evaluation_result import Evaluation

NO_MEMORY = "the machine has no memory left"

logger = logging.getLogger(__name__)


class ScoresError(ValueError):
    """Some of an evaluation failed, and the rest is not to be lost.

    Attributes:
        report: the scores that there are; None if there are none.
    """

    def __init__(self, message: str, report: Evaluation | None) -> None:
        super().__init__(message)
        self.report = report


class Unscored:
    """Collects what is said of images that cannot be scored.

    Args:
        dataset: that is scored.
        way_out: of images that are too large, besides cutting them.

    Attributes:
        sentences: by place in the data set.
    """

    def __init__(self, dataset: Dataset, way_out: str = "") -> None:
        self._dataset, self._way_out = dataset, way_out
        self.sentences: dict[int, str] = {}

    def add(self, index: int, error: Exception) -> None:
        """Notes that an image has failed, and says so."""
        logger.debug("Where it was found:", exc_info=error)
        said = unscored_sentence(self._dataset, index, error, self._way_out)
        self.sentences[index] = said
        if len(self._dataset.pairs) > 1:
            logger.warning("%s", said)

    def scored(self) -> Dataset:
        """Returns the data set of the other images."""
        places = range(len(self._dataset.pairs))
        return self._dataset.subset([i for i in places if i not in self.sentences])

    def error(self, report: Evaluation | None) -> ScoresError:
        """Returns what is raised at the end, with the scores of the others."""
        said = summary(list(self.sentences.values()), len(self._dataset.pairs))
        return ScoresError(said, report)


def unscored_sentence(
    dataset: Dataset, index: int, error: Exception, way_out: str = ""
) -> str:
    """Returns what is said of an image that cannot be scored.

    Args:
        dataset: that it is of.
        index: its place.
        error: what happened: it cannot be read, or there is no memory.
        way_out: of images that are too large, besides cutting them.
    """
    if isinstance(error, UnreadableImage) and not _is_of_memory(error):
        return str(error)
    facts, entry = dataset.facts[index], dataset.pairs[index].image
    return (
        f"{printable(str(entry.path))}: {NO_MEMORY} to score it, {facts.height} x "
        f"{facts.width} pixels at once. Cut image and mask into parts{way_out}."
    )


def _is_of_memory(error: UnreadableImage) -> bool:
    return isinstance(error.__cause__, MemoryError)
