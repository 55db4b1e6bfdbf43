"""What a prediction writes for a pixel: its class, or its probability."""

import numpy as np

from pipelines import decision

# What probability 1 is in each type.
SCALES = {"uint8": 255, "uint16": 65535, "float32": 1}
# Of masks that objects are found in: pixels of the mask that are of no object's core.
RIM = 128


class OutputValues:
    """Turns probabilities into what is written.

    Masks are uint8: 0 and 255 up to two classes, class ids from three on. Probabilities
    are those of the foreground up to two classes, and one channel a class from three
    on. Instances are numbered objects, uint32; `encode` gives the mask that they are
    found in: 255 where P(foreground) is above the threshold of objects, `RIM` where it
    is above that of masks only.

    Args:
        output: "mask", "probability" or "instances".
        probability_dtype: "uint8", "uint16" or "float32".
        output_channels: of the net.
        threshold: on P(foreground); None from three classes on.
        object_threshold: that of instances; None for the same.

    Attributes:
        channels: that are written.
        dtype: of what is written.
        averaged: whether smaller levels of a pyramid are means.
        numbered: whether objects are to be numbered.
        rim: of the values of a mask that objects are found in, that which they grow
            into; None if there is no such.
    """

    def __init__(
        self,
        output: str,
        probability_dtype: str,
        output_channels: int,
        threshold: float | None,
        object_threshold: float | None = None,
    ) -> None:
        self.averaged = output == "probability"
        several = self.averaged and output_channels > 2
        self.channels = output_channels if several else 1
        self.numbered = output == "instances"
        whole = np.uint32 if self.numbered else np.uint8
        self.dtype = np.dtype(probability_dtype if self.averaged else whole)
        self._threshold = self._of_cores = threshold
        if self.numbered and object_threshold is not None and threshold is not None:
            self._of_cores = object_threshold
            # Nothing is left of a mask that is smaller than its objects.
            self._threshold = min(threshold, object_threshold)
        self.rim = None if self._of_cores == self._threshold else RIM

    def encode(self, probability: np.ndarray) -> np.ndarray:
        """Returns what is written.

        Args:
            probability: float32 (height, width, output_channels).

        Returns:
            (height, width, channels) of `dtype`; a uint8 mask for instances.
        """
        if not self.averaged:
            mask = np.asarray(
                decision.mask_from_probability(probability, self._threshold)
            )
            if self.rim is not None:
                cores = decision.mask_from_probability(probability, self._of_cores)
                mask = np.where((mask > 0) & (cores == 0), np.uint8(RIM), mask)
            return mask[..., np.newaxis]
        probability = probability[..., -self.channels :]
        scale = SCALES[self.dtype.name]
        if scale == 1:
            return np.ascontiguousarray(probability)
        return np.round(probability * scale).astype(self.dtype)
