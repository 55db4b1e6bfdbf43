"""A U-Net that keeps fewer features while it trains."""

from typing import Any

import keras
import tensorflow as tf

from keras_unet.layers import SeededDropout
from keras_unet.recomputing import recomputed

# The layers of a `conv_block`, twice, and what may follow.
_KINDS = ("conv", "norm", "relu")


@keras.saving.register_keras_serializable(package="keras_unet")
class CheckpointedUNet(keras.Model):
    """A U-Net that trains in less memory, and computes about a third more for it.

    The same layers, weights, names and results as the net that it is made from. In
    training each stage of the drawing keeps its input and its output only; what lies
    between is computed again in the backward pass. (Chen et al. 2016, "Training Deep
    Nets with Sublinear Memory Cost", arXiv:1604.06174.)

        model = keras_unet.build_unet()
        model = CheckpointedUNet(model.input, model.output)

    Args:
        inputs: of a model of `keras_unet.build_unet`.
        outputs: of the same.
    """

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        """Returns what the net puts out for `inputs`, (batch, height, width, channels).

        Args:
            inputs: images.
            training: True keeps few features.
            mask: not used by a U-Net.

        Raises:
            ValueError: the outputs are not those of `build_unet`, whose stages alone
                are known in training.
        """
        self._check_outputs()
        if training is not True:
            return super().call(inputs, training=training, mask=mask)
        features = self.get_layer("size_check")(_one_float_image_batch(inputs))
        depth = self.get_layer("size_check").depth
        skips = []
        for level in range(depth):
            skips.append(recomputed(self._stage(f"encoder_{level}"))(features))
            features = self.get_layer(f"encoder_{level}_pool")(skips[-1])
        features = recomputed(self._stage("bottleneck"))(features)
        for level in reversed(range(depth)):
            features = recomputed(self._decoder(level))(features, skips[level])
        features = self.get_layer("logits")(features)
        if "probability" in self._layer_names():
            features = self.get_layer("probability")(features)
        return features

    def _check_outputs(self) -> None:
        ends = [output._keras_history[0].name for output in self.outputs]
        if ends not in (["logits"], ["probability"]):
            raise ValueError(
                "CheckpointedUNet takes the one output of a model of build_unet, the "
                f"layer logits or probability, got {', '.join(ends)}. Train other "
                "heads without it."
            )

    def _layer_names(self) -> set[str]:
        return {layer.name for layer in self.layers}

    def _stage(self, name: str) -> Any:
        """Returns a `conv_block` of the net as a function of features."""
        kinds = [f"{kind}_{index}" for index in range(2) for kind in _KINDS]
        there = self._layer_names()
        names = [f"{name}_{kind}" for kind in (*kinds, "dropout")]
        layers = [self.get_layer(name) for name in names if name in there]

        def stage(features: Any) -> Any:
            for layer in layers:
                in_training = {"training": True} if _learns(layer) else {}
                features = layer(features, **in_training)
            return features

        return stage

    def _decoder(self, level: int) -> Any:
        """Returns a `decoder_stage` of the net as a function of features and skip."""
        name = f"decoder_{level}"
        stage = self._stage(name)

        def decoder(features: Any, skip: Any) -> Any:
            upsampled = self.get_layer(f"{name}_upsample")(features)
            if f"{name}_crop" in self._layer_names():
                skip = self.get_layer(f"{name}_crop")(skip)
            return stage(self.get_layer(f"{name}_join")([skip, upsampled]))

        return decoder


# Files of the older .h5 format name the class of a model without its package.
keras.saving.get_custom_objects()["CheckpointedUNet"] = CheckpointedUNet


def _one_float_image_batch(inputs: Any) -> tf.Tensor:
    """Returns `inputs` as Keras hands them to the layers of a model of one input."""
    (image,) = tf.nest.flatten(inputs)
    image = tf.cast(image, tf.float32)
    return image[..., tf.newaxis] if image.shape.rank == 3 else image


def _learns(layer: Any) -> bool:
    """Tells whether a layer does something else in training."""
    kinds = (keras.layers.BatchNormalization, SeededDropout)
    return isinstance(layer, kinds)
