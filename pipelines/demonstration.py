"""demo: everything once, on real images: nuclei in a scratch assay.

The images come with the package ndev-sampledata (extra `demo`): ten frames of a
time-lapse, 210 x 576 pixels of 16 bits, with hand-corrected nuclei.
"""

import dataclasses
import glob
import logging
import pathlib
import shutil
from typing import Any

import numpy as np
import tifffile

import pipelines
from pipelines import report, run_folder
from pipelines.config import (
    CheckConfig,
    DemoConfig,
    EvaluateConfig,
    ExportConfig,
    FitConfig,
    PredictConfig,
    SegmentConfig,
    ServeConfig,
)
from pipelines.evaluation.evaluation import Evaluation
from pipelines.images import ImageEntry, find_images, read_image, read_mask
from pipelines.results.writing import write_image
from pipelines.validation import Picture

logger = logging.getLogger(__name__)

SAMPLE = "scratch-assay-labeled-10T-2Ch.tiff"
# Planes of the sample's first axis.
STAIN, IDS = 0, 2
HELD_OUT = (2, 5, 8)
MODEL_NAME = "nuclei"
# No zoom: all frames are of one magnification.
TRAINING: dict[str, Any] = dict(
    tile_size=192, batch_size=8, zoom=0.0, validations=6, seed=0
)
# Tells that a folder may be replaced.
MARK = ".keras-unet-demo"


@dataclasses.dataclass(frozen=True)
class DemoResult:
    """What the demo came to.

    Attributes:
        iou: of the nuclei, on the held-out frames.
        otsu_iou: of Otsu's threshold on the same frames.
        report: the page of pictures.
    """

    iou: float
    otsu_iou: float
    report: pathlib.Path

    def __str__(self) -> str:
        """Returns the result in words."""
        return (
            f"IoU of the nuclei on {len(HELD_OUT)} validation frames: {self.iou:.3f} "
            f"(Otsu's threshold on the same frames: {self.otsu_iou:.3f}).\n"
            f"Look at {self.report.resolve()}"
        )


def demo(config: DemoConfig) -> DemoResult:
    """Trains, scores, exports, serves and segments, and writes a page of pictures.

    Everything goes into `config.out`; what an earlier demo left there is replaced.

    Raises:
        ValueError: the extra `demo` is not installed, or the folder holds other things.
        RuntimeError: the server's mask differs from the one that `predict` writes.
    """
    folder = pathlib.Path(config.out)
    _prepare(folder)
    images, masks = folder / "data" / "images", folder / "data" / "masks"
    held_out, held_out_masks = _held_out(images), _held_out(masks)
    run, model = folder / "runs" / MODEL_NAME, folder / "saved_models" / MODEL_NAME

    _say(1, f"Writing the frames of {SAMPLE} as image files to {folder / 'data'}")
    _write_frames(images, masks)
    _say(2, "Checking images and masks")
    checked = pipelines.check(CheckConfig(images=str(images), masks=str(masks)))
    logger.info("%s", checked)
    settings = _training_settings(config, images, masks, run)
    steps, minutes = settings.steps, settings.minutes
    budget = f"{minutes:g} minutes" if steps is None else f"{steps} steps"
    _say(3, f"Training the padded net for {budget}")
    logger.info("%s", pipelines.fit(settings))
    _say(4, "Scoring the held-out frames, and Otsu's threshold beside")
    on_held_out = EvaluateConfig(model=str(run), images=held_out, masks=held_out_masks)
    evaluation = pipelines.evaluate(on_held_out)
    otsu_iou = _otsu_iou(find_images(held_out), find_images(held_out_masks))
    logger.info("%s\nIoU of Otsu's threshold: %.4f", evaluation, otsu_iou)
    _say(5, "Predicting the held-out frames")
    predicted = pipelines.predict(
        PredictConfig(model=str(run), images=held_out, out=str(folder / "predicted"))
    )
    _say(6, "Exporting, serving, and sending a held-out frame through the server")
    logger.info("%s", pipelines.export(ExportConfig(model=str(run), to=str(model))))
    engine = _check_served(model, held_out, folder / "served", predicted)
    page = folder / "report.html"
    _write_report(page, run, evaluation, otsu_iou, predicted, engine)
    return DemoResult(_nuclei_iou(evaluation), otsu_iou, page)


def _say(step: int, text: str) -> None:
    logger.info("\n[%d/6] %s", step, text)


def _training_settings(
    config: DemoConfig, images: pathlib.Path, masks: pathlib.Path, run: pathlib.Path
) -> FitConfig:
    return FitConfig(
        images=str(images),
        masks=str(masks),
        run_dir=str(run),
        validation_stems=tuple(_stem(frame) for frame in HELD_OUT),
        steps=config.steps,
        minutes=config.minutes if config.steps is None else None,
        **TRAINING,
    )


def _prepare(folder: pathlib.Path) -> None:
    """Empties the folder of an earlier demo; refuses one that is not."""
    if folder.exists():
        is_empty = folder.is_dir() and not any(folder.iterdir())
        if not is_empty and not (folder / MARK).is_file():
            raise ValueError(
                f"{folder} exists and is not the folder of an earlier demo, which "
                "would be replaced. Name another with --out."
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / MARK).write_text("A demo of keras-unet; the next one replaces it.\n")


def _stem(frame: int) -> str:
    return f"frame_{frame:02}"


def _held_out(folder: pathlib.Path) -> str:
    """Returns the pattern of the held-out frames' files."""
    digits = "".join(map(str, HELD_OUT))
    return f"{glob.escape(str(folder))}/frame_0[{digits}].png"


def _write_frames(images: pathlib.Path, masks: pathlib.Path) -> None:
    """Writes the frames as 16-bit PNG, and their nuclei as masks of 0 and 255."""
    planes = _sample()
    for folder in (images, masks):
        folder.mkdir(parents=True)
    for frame, (stain, ids) in enumerate(zip(planes[STAIN], planes[IDS], strict=True)):
        write_image(images / f"{_stem(frame)}.png", stain)
        nuclei = (ids > 0).astype(np.uint8) * 255
        write_image(masks / f"{_stem(frame)}.png", nuclei)


def _sample() -> np.ndarray:
    """Returns the sample, uint16 (planes, frames, height, width)."""
    try:
        import ndev_sampledata
    except ImportError as error:
        raise ValueError(
            f"The demo needs its extra ({error}): pip install "
            "'.[demo]' in a clone of keras-unet."
        ) from error
    package = pathlib.Path(ndev_sampledata.__file__).parent
    return tifffile.imread(package / "samples" / SAMPLE)


def _otsu_iou(images: list[ImageEntry], masks: list[ImageEntry]) -> float:
    """Returns the IoU of Otsu's threshold, chosen for each frame by itself."""
    from skimage.filters import threshold_otsu

    both = either = 0
    for image_entry, mask_entry in zip(images, masks, strict=True):
        # As float it takes 256 bins, which does better here (0.767) than a histogram
        # of all 16-bit values (0.760).
        image = read_image(image_entry)[..., 0].astype(np.float64)
        nuclei = image > threshold_otsu(image)
        truth = read_mask(mask_entry) > 0
        both += np.sum(nuclei & truth)
        either += np.sum(nuclei | truth)
    return float(both / either)


def _check_served(
    model: pathlib.Path, held_out: str, out: pathlib.Path, predicted: list[pathlib.Path]
) -> str:
    """Sends the first held-out frame through a real server; returns what served it."""
    from pipelines.serving.serving import running_launch

    # Port 0: a free one, so that a demo disturbs nothing.
    config = ServeConfig(
        saved_model=str(model), engine="development", rest_port=0, grpc_port=0
    )
    first = find_images(held_out)[0].path
    with running_launch(config) as launch:
        logger.info("Serving at %s; sending %s", launch.url, first)
        pipelines.segment(
            SegmentConfig(url=launch.url, images=str(first), out=str(out))
        )
    served = out / predicted[0].name
    answer = read_mask(ImageEntry(served))
    if not np.array_equal(answer, read_mask(ImageEntry(predicted[0]))):
        raise RuntimeError(
            f"{served} differs from {predicted[0]}: server and predict must agree."
        )
    logger.info("The served mask equals the predicted one, pixel by pixel.")
    return launch.engine


def _write_report(
    page: pathlib.Path,
    run: pathlib.Path,
    evaluation: Evaluation,
    otsu_iou: float,
    predicted: list[pathlib.Path],
    engine: str,
) -> None:
    folder = page.parent / "data"
    pictures = [
        Picture(
            path.name,
            read_image(ImageEntry(folder / "images" / path.name)),
            y_true=_foreground(folder / "masks" / path.name),
            y_pred=_foreground(path),
        )
        for path in predicted
    ]
    report.write_report(
        page,
        title="Nuclei in a scratch assay",
        record=run_folder.load_record(run),
        history=run_folder.load_history(run),
        pictures=pictures,
        facts={
            "IoU of the nuclei, validation frames": f"{_nuclei_iou(evaluation):.4f}",
            "IoU of Otsu's threshold, same frames": f"{otsu_iou:.4f}",
            "Served": f"{predicted[0].name} by {engine}, equal to the prediction",
        },
    )


def _foreground(path: pathlib.Path) -> np.ndarray:
    return (read_mask(ImageEntry(path)) > 0).astype(np.uint8)


def _nuclei_iou(evaluation: Evaluation) -> float:
    return float(evaluation.classes[1]["iou"])
