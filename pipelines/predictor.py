"""A run's net for arrays in memory."""

import os

import numpy as np
from skimage import measure

from pipelines import decision, run_folder, scaling, scores
from pipelines.images.reading import check_channels
from pipelines.inference import inference_net
from pipelines.overlap_tile import Net
from pipelines.scores.overlaps import numbers_of_large


class Predictor:
    """Segments arrays as `predict` segments files: any size, without seams.

    The whole image and its probabilities are held in memory; `predict` streams files
    instead. Another process that it is sent to, as pickle does, loads the run anew from
    its folder. Start such processes by "spawn": TensorFlow does not work in a fork.

    Args:
        run_dir: folder of a run, of `fit` or `save_run`.
        precision: "float32" or "bfloat16".

    Attributes:
        record: what is known of the run: classes, threshold, scaling.

    Raises:
        ValueError: it is no run folder, or its model was saved by another Keras.
    """

    def __init__(
        self, run_dir: str | os.PathLike[str], precision: str = "float32"
    ) -> None:
        if not isinstance(run_dir, str | os.PathLike):
            raise ValueError(
                f"run_dir must be the folder of a run, got {run_dir!r}. "
                "pipelines.save_run makes one of a model."
            )
        run = run_folder.load(os.fspath(run_dir))
        self.record = run.record
        self._net = Net(inference_net(run.model, precision))
        # Another process may have another working folder.
        self._made_of = os.path.abspath(run_dir), precision

    def __reduce__(self) -> tuple[type["Predictor"], tuple[str, str]]:
        """Tells pickle what to make it of; a net cannot be pickled."""
        return type(self), self._made_of

    def probability(self, image: np.ndarray) -> np.ndarray:
        """Returns the probabilities of an image.

        Args:
            image: (height, width) or (height, width, channels), whole and with the
                values of the files that the run was trained on: they are scaled here.

        Returns:
            float32 (height, width, channels): P(foreground) of a net of one channel,
            else one channel for each class.

        Raises:
            ValueError: another shape, other channels, pixels that are not finite, or
                with scaling "dtype" of a type that the run has not learned from.
        """
        image = np.asarray(image)
        numbers = image.dtype.kind in "buif"
        if not numbers or image.ndim not in (2, 3) or image.size == 0:
            raise ValueError(
                "image must be numbers, (height, width) or (height, width, channels), "
                f"got the shape {image.shape} of {image.dtype}. `predict` takes files."
            )
        pixels = image if image.ndim == 3 else image[..., np.newaxis]
        check_channels(pixels.shape[-1], self._net.channels, "image", alpha=False)
        if not np.isfinite(pixels.astype(np.float32)).all():
            raise ValueError(
                "image has pixels that are NaN, infinite or beyond float32. Give them "
                "finite values."
            )
        how = self.record.scaling
        doubts = scaling.doubts_of_types(
            how, self.record.pixel_types, [str(pixels.dtype)]
        )
        if doubts:
            raise ValueError(doubts[0])
        return self._net.probability(scaling.scale_array(pixels, how))

    def mask(self, image: np.ndarray) -> np.ndarray:
        """Returns the mask of an image, as `predict` writes it.

        Args:
            image: as of `probability`.

        Returns:
            uint8 (height, width): 0 and 255, or class ids from three classes on.

        Raises:
            ValueError: as `probability`.
        """
        probability = self.probability(image)
        mask = decision.mask_from_probability(probability, self.record.threshold)
        return np.asarray(mask)

    def objects(self, image: np.ndarray) -> np.ndarray:
        """Returns the numbered objects of an image, as `predict` writes instances.

        Args:
            image: as of `probability`.

        Returns:
            uint32 (height, width): 0 for the background, objects from 1 on.

        Raises:
            ValueError: as `probability`.
        """
        probability, record = self.probability(image), self.record
        mask = np.asarray(decision.mask_from_probability(probability, record.threshold))
        smallest, own = record.smallest_object, record.object_threshold
        if own is not None:
            cores = np.asarray(decision.mask_from_probability(probability, own)) > 0
            found = scores.objects(cores, smallest=smallest, within=mask > 0)
        else:
            # Touching objects of two classes are two.
            labels = measure.label(mask, connectivity=1)
            areas = np.bincount(labels.ravel())
            found = numbers_of_large(areas, smallest)[labels]
        return found.astype(np.uint32)
