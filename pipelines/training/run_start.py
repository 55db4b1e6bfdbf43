"""Where a training starts: in a new run folder, or where an interrupted one was."""

import dataclasses
import json
import logging
import os
import pathlib
import shutil
from typing import Any

from pipelines import run_folder
from pipelines.config import FitConfig
from pipelines.config.choice import Choice
from pipelines.results.writing import write_bytes_atomically
from pipelines.training import checkpoint, choices
from pipelines.training.run_plan import RunPlan

logger = logging.getLogger(__name__)

# What may differ when a run goes on: it changes no number. Images are compared by
# their pixels, wherever they lie.
FREE = (
    "images",
    "masks",
    "validation_images",
    "validation_masks",
    "resume",
    "plan_only",
    "run_dir",
    "checkpoint_minutes",
    "cache_gigabytes",
    "gradient_checkpointing",
)


# Raised when tiles, weights or losses of the same settings come out otherwise than
# before, so that a run cannot go on exactly.
FORMAT = 2


@dataclasses.dataclass(frozen=True)
class RunState:
    """What `--resume` must find unchanged.

    Attributes:
        settings: every setting of the run, the open ones as they were decided.
        data: fingerprints of training and validation images.
        versions: of Python and packages.
        finished: the run has come to its end.
        choices: the settings that were left open, with reasons.
        format: `FORMAT` of the version that began it.
    """

    settings: dict[str, Any]
    data: dict[str, str]
    versions: dict[str, str]
    finished: bool = False
    choices: tuple[Choice, ...] = ()
    format: int = 1


def check_place(config: FitConfig) -> RunState | None:
    """Checks the run folder before the data are read.

    Returns:
        The state of the run that is to go on; None for a new one, also where
        `resume` finds no folder yet.

    Raises:
        ValueError: a new run would overwrite something, or there is no run to go on
            with.
    """
    path = pathlib.Path(config.run_dir)
    state = _load(path)
    if not config.resume:
        if path.exists() or path.is_symlink():
            can_go_on = state is not None and not state.finished
            more = ", or go on with it by --resume" if can_go_on else ""
            raise ValueError(
                f"{config.run_dir} exists already. Name another run_dir, or remove it"
                f"{more}: a run is never overwritten."
            )
        return None
    if state is None and not path.exists() and not path.is_symlink():
        # Perhaps killed while the images were checked, before there was a folder.
        logger.info("%s does not exist yet: it starts at step 0.", path)
        return None
    if state is None:
        raise ValueError(
            f"{config.run_dir} holds no run, so there is nothing to resume. Name "
            "another run_dir, or the folder of a run."
        )
    return state


def as_begun(config: FitConfig, state: RunState) -> FitConfig:
    """Returns the settings a run goes on with: open ones as they were decided.

    Raises:
        ValueError: a setting differs from that of the run; the first is named.
    """
    if not state.finished and state.format != FORMAT:
        raise ValueError(
            f"{config.run_dir} was begun by a version that made other tiles and "
            "weights of the same settings, so it cannot go on as it began. Resume it "
            "with the version it was begun with, or fit into another run_dir."
        )
    left_open, decided = config.left_open(), {}
    defaults = {field.name: field.default for field in dataclasses.fields(config)}
    for name, value in dataclasses.asdict(config).items():
        if name in FREE:
            continue
        if name not in state.settings:
            # Before it was a setting all was as its default says, or FORMAT is raised.
            is_as_before = name not in left_open and value == defaults[name]
            if state.finished or is_as_before:
                continue
            raise ValueError(
                f"{config.run_dir} was begun by a version without {name}, so it cannot "
                "go on as it began. Resume it with the version it was begun with, or "
                "fit into another run_dir."
            )
        before = state.settings[name]
        if name in left_open:
            decided[name] = before
        # JSON has lists for tuples.
        elif json.loads(json.dumps(value)) != before:
            raise ValueError(
                f"{name} is {value!r}, but {config.run_dir} was begun with {before!r}. "
                "Resume a run with the settings it has, or fit into another run_dir."
            )
    config = dataclasses.replace(config, **decided)
    if not state.finished:
        _warn_of_machine(config, {choice.name for choice in state.choices})
    return config


def _warn_of_machine(config: FitConfig, chosen: set[str]) -> None:
    """Says what was chosen for the run and would be otherwise on this machine."""
    for choice in choices.by_machine(config):
        before = getattr(config, choice.name)
        if choice.name in chosen and before != choice.value:
            logger.warning(
                "%s goes on with %s %s, as it was begun; on this machine it would be "
                "%s (%s), so a step may take much longer or shorter.",
                config.run_dir,
                choice.name,
                before,
                choice.value,
                choice.reason,
            )


def resumed_plan(plan: RunPlan, state: RunState) -> RunPlan:
    """Returns the plan of a run that goes on, with the choices that were made for it.

    Raises:
        ValueError: its data have changed.
    """
    run_dir = plan.config.run_dir
    for name, fingerprint in fingerprints(plan).items():
        if fingerprint != state.data.get(name):
            raise ValueError(
                f"The {name} images or masks are not those that {run_dir} was "
                "begun with (their fingerprints differ). Restore them, or fit into "
                "another run_dir."
            )
    for package, version in run_folder.versions().items():
        if version != state.versions.get(package):
            logger.warning(
                "%s was begun with %s %s, this is %s: numbers may differ a little.",
                run_dir,
                package,
                state.versions.get(package),
                version,
            )
    return dataclasses.replace(plan, choices=state.choices)


def begin(plan: RunPlan) -> pathlib.Path:
    """Makes the folder of a new run, which appears with its state in it.

    Raises:
        ValueError: it cannot be made there.
    """
    path = plan.path
    state = RunState(
        dataclasses.asdict(plan.config),
        fingerprints(plan),
        run_folder.versions(),
        choices=plan.choices,
        format=FORMAT,
    )
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        (partial / run_folder.CHECKPOINT).mkdir(parents=True)
        _save(partial, state)
        os.rename(partial, path)
    except OSError as error:
        raise ValueError(
            f"{path}: the folder cannot be made ({error.strerror}). Name a "
            "run_dir in a folder that you may write to."
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return path


def newest_checkpoint(path: pathlib.Path) -> checkpoint.Checkpoint | None:
    """Returns where an interrupted run goes on, and says so; None for its start.

    Removes what a kill has left half-written.
    """
    run_folder.remove_halves(path)
    found = checkpoint.read_latest(path / run_folder.CHECKPOINT)
    if found is None:
        logger.info("%s has no checkpoint yet: it starts at step 0.", path)
    else:
        logger.info("Going on with %s after step %d.", path, found.step)
    return found


def finish(path: pathlib.Path) -> None:
    """Notes that a run is finished, and removes what only `--resume` needs."""
    state = _load(path)
    if state is not None:
        _save(path, dataclasses.replace(state, finished=True))
    folder = path / run_folder.CHECKPOINT
    checkpoint.remove_all(folder)
    for model in folder.glob("*.keras"):
        model.unlink()


def fingerprints(plan: RunPlan) -> dict[str, str]:
    """Returns the fingerprints of training and validation images."""
    return {
        "training": plan.training_set.fingerprint,
        "validation": plan.validation_set.fingerprint,
    }


def _load(path: pathlib.Path) -> RunState | None:
    """Returns None where there is no state that can be read."""
    try:
        text = (path / run_folder.CHECKPOINT / run_folder.STATE).read_text()
        known = json.loads(text)
        choices = tuple(map(Choice.from_json, known.get("choices", ())))
        return RunState(**known | {"choices": choices})
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _save(path: pathlib.Path, state: RunState) -> None:
    text = json.dumps(dataclasses.asdict(state), indent=2)
    file = path / run_folder.CHECKPOINT / run_folder.STATE
    write_bytes_atomically(file, f"{text}\n".encode())
