"""Batch normalisation on TensorFlow's fused kernel."""

from typing import Any

import keras
import tensorflow as tf

from keras_unet import recomputing

# The kernel takes no smaller epsilon (cuDNN's bound, kept on every device).
_LEAST_EPSILON = 1.001e-5


@keras.saving.register_keras_serializable(package="keras_unet")
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization` (Ioffe and Szegedy 2015), computed faster.

    The same arguments, weights, names and results. Keras 3 computes moments, scaling
    and shift one after another, and in float32 also under mixed precision; TensorFlow
    has one kernel for all, which reads and writes bfloat16 and float16 and sums in
    float32. Keras 2 uses that kernel itself, so there nothing is changed.

    Weights move between nets of either layer by `get_weights` and `set_weights`. (Files
    of weights alone, .weights.h5, name the classes of the layers and do not.)

    What the kernel cannot do is left to Keras: other inputs than (batch, height,
    width, channels), an axis other than the last, masks, `renorm`, `synchronized` and
    an epsilon below 1.001e-5.
    """

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        """Returns the normalised `inputs`, (batch, height, width, channels).

        Args:
            inputs: of any floating type.
            training: whether the batch's own statistics are used, and learned from.
            mask: of pixels to leave out; with one Keras computes.
        """
        if mask is not None or not self._kernel_fits(inputs):
            return super().call(inputs, training=training, mask=mask)
        if training and self.trainable:
            return self._trained(inputs)
        moving = {
            "mean": _float32(self.moving_mean),
            "variance": _float32(self.moving_variance),
        }
        return self._normalised(inputs, False, **moving)[0]

    def _kernel_fits(self, inputs: Any) -> bool:
        # Keras 2 has these under other names, and decides by itself.
        return (
            keras.__version__.startswith("3.")
            and len(inputs.shape) == 4
            and self.axis in (-1, 3)
            and self.epsilon >= _LEAST_EPSILON
            and not self.synchronized
            and not getattr(self, "renorm", False)
            and tf.as_dtype(inputs.dtype) in (tf.float32, tf.bfloat16, tf.float16)
        )

    def _trained(self, inputs: Any) -> Any:
        outputs, mean, variance = self._normalised(inputs, True)
        # The kernel's variance is of a sample, n - 1 in the denominator; Keras keeps
        # that of the batch.
        sizes = tf.shape(inputs, tf.int64)[:3]
        pixels = tf.cast(tf.reduce_prod(sizes), tf.float32)
        variance = variance * ((pixels - 1.0) / pixels)
        if not recomputing.is_again():
            for moving, batch in (
                (self.moving_mean, mean),
                (self.moving_variance, variance),
            ):
                # Statistics may be kept in half precision; they are summed in float32.
                mixed = _float32(moving) * self.momentum + batch * (1.0 - self.momentum)
                moving.assign(tf.cast(mixed, moving.dtype))
        return outputs

    # Keras 2 calls one of these two to learn statistics.
    def _assign_moving_average(self, variable: Any, *arguments: Any) -> Any:
        if recomputing.is_again():
            return tf.identity(variable)
        return super()._assign_moving_average(variable, *arguments)

    def _assign_new_value(self, variable: Any, value: Any) -> Any:
        if recomputing.is_again():
            return tf.identity(variable)
        return super()._assign_new_value(variable, value)

    def _normalised(
        self, inputs: Any, is_training: bool, **statistics: Any
    ) -> tuple[Any, Any, Any]:
        channels = inputs.shape[-1]
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs,
            tf.ones([channels]) if self.gamma is None else _float32(self.gamma),
            tf.zeros([channels]) if self.beta is None else _float32(self.beta),
            epsilon=self.epsilon,
            is_training=is_training,
            **statistics,
        )
        return tf.cast(outputs, self.compute_dtype), mean, variance


def _float32(weight: Any) -> tf.Tensor:
    return tf.cast(tf.convert_to_tensor(weight), tf.float32)
