"""What `fit` returns: a plan, or what came of a run."""

import dataclasses
import pathlib

from pipelines import run_folder
from pipelines.config.choice import Choice
from pipelines.training.choices import in_words


@dataclasses.dataclass(frozen=True)
class FitResult:
    """What a finished run came to.

    Attributes:
        run_dir: its folder.
        steps: training steps done.
        best: step, validation loss, mean IoU and pixel error of the saved model.
        threshold: on P(foreground); None from three classes on.
        choices: the settings that were left open, as they were decided.
        object_threshold: that of numbered objects; None where it is the same.
    """

    run_dir: str
    steps: int
    best: dict[str, float]
    threshold: float | None
    choices: tuple[Choice, ...] = ()
    object_threshold: float | None = None

    def __str__(self) -> str:
        """Returns the result in words."""
        chosen = "" if self.threshold is None else f", threshold {self.threshold:g}"
        if self.object_threshold is not None:
            chosen += f" (of objects {self.object_threshold:g})"
        return (
            f"{self.steps} steps; best at step {self.best['step']}: validation loss "
            f"{self.best['val_loss']:.4f}, mean IoU {self.best['val_mean_iou']:.4f}, "
            f"pixel error {self.best['val_pixel_error']:.4f}{chosen}.\n"
            f"Run: {self.run_dir} (model.keras, config.json, history.csv, report.html)"
        )


@dataclasses.dataclass(frozen=True)
class FitPlan:
    """What `fit` would do.

    Attributes:
        choices: the settings that were left open, as they were decided.
    """

    choices: tuple[Choice, ...]

    def __str__(self) -> str:
        """Returns the plan in words."""
        return f"{in_words(self.choices)}\nNothing was trained or written."


def result_of(
    path: pathlib.Path, steps: int, record: run_folder.RunRecord
) -> FitResult:
    """Returns what a run came to.

    Args:
        path: its folder.
        steps: that were done.
        record: of the run.
    """
    return FitResult(
        str(path),
        steps,
        record.best,
        record.threshold,
        record.choices,
        record.object_threshold,
    )


def result_of_finished_run(path: pathlib.Path) -> FitResult:
    """Returns what a run came to that was finished before."""
    steps = int(run_folder.load_history(path)[-1]["step"])
    return result_of(path, steps, run_folder.load_record(path))
