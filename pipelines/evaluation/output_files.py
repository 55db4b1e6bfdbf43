"""The files that evaluate writes: JSON and page."""

import contextlib
import pathlib
from collections.abc import Collection, Iterator

from pipelines import run_folder
from pipelines.config import EvaluateConfig
from pipelines.evaluation.unscored import NO_MEMORY, ScoresError
from pipelines.results.writing import check_replaceable, identity
from pipelines.scores.evaluation_result import Evaluation
from pipelines.validation import OF_ONE_IMAGE, OUT_OF_MEMORY


def check_outputs(
    config: EvaluateConfig, inputs: Collection[pathlib.Path] = ()
) -> None:
    """Checks before the work that the scores can be written at its end.

    Args:
        config: names the files.
        inputs: what is read.

    Raises:
        ValueError: a file cannot be written, is an input or belongs to the run, or both
            are one.
    """
    paths = [pathlib.Path(name) for name in (config.json, config.report) if name]
    if len(paths) == 2 and _are_one(*paths):
        raise ValueError(
            f"json and report both name {config.json}, where one would replace the "
            "other. Name two files."
        )
    for path in paths:
        if _belongs_to_run(path, pathlib.Path(config.model)):
            raise ValueError(
                f"{path} belongs to the run {config.model}; writing there would "
                "destroy it. Name another file."
            )
        check_replaceable(path, inputs)


def _are_one(path: pathlib.Path, other: pathlib.Path) -> bool:
    known = identity(path)
    linked = known is not None and known == identity(other)
    return linked or path.resolve() == other.resolve()


def _belongs_to_run(path: pathlib.Path, run: pathlib.Path) -> bool:
    """Tells whether a file that is there is one of a run, or in a folder of it."""
    if not path.exists():
        return False
    parts = {identity(part) for part in run_folder.parts_of(run)}
    return bool(parts & {identity(one) for one in (path, *path.resolve().parents)})


@contextlib.contextmanager
def kept(evaluation: Evaluation, path: str | None) -> Iterator[None]:
    """Lets an error in writing a file not take the scores with it."""
    try:
        yield
    except (OSError, ValueError, *OF_ONE_IMAGE) as error:
        reason = getattr(error, "strerror", None) or error
        if isinstance(error, OUT_OF_MEMORY):
            reason = NO_MEMORY
        raise ScoresError(
            f"{path}: cannot be written ({reason}). The scores are shown all the same; "
            "mend that, or name another file.",
            evaluation,
        ) from error
