"""The parts of a U-Net, as functions over Keras tensors.

Every function names its layers by their place in the drawing: a part called
"encoder_0" has the layers "encoder_0_conv_0", "encoder_0_pool" and so on.
"""

from typing import Any

import keras

from keras_unet import geometry, layers


def conv_block(
    features: Any,
    filters: int,
    *,
    padding: str,
    batch_norm: bool,
    dropout: float = 0.0,
    name: str,
) -> Any:
    """Applies two 3x3 convolutions, each followed by ReLU.

    Args:
        features: (batch, height, width, channels).
        filters: channels of both convolutions.
        padding: "valid", where each convolution takes a pixel from every side, or
            "same".
        batch_norm: puts batch normalisation between convolution and ReLU; the
            convolution then has no bias, which the normalisation would cancel.
        dropout: share of features dropped after the second ReLU.
        name: place in the drawing.

    Returns:
        Features (batch, height, width, filters), 4 pixels less in height and
            width if "valid".
    """
    for index in range(2):
        features = keras.layers.Conv2D(
            filters,
            3,
            padding=padding,
            use_bias=not batch_norm,
            # Normal with s.d. sqrt(2 / fan-in), section 3 of the paper. Its
            # initialiser is made anew: one instance repeats its numbers.
            kernel_initializer=keras.initializers.HeNormal(),
            name=f"{name}_conv_{index}",
        )(features)
        if batch_norm:
            features = layers.FusedBatchNormalization(
                # Keras's 0.99 would leave the statistics behind in a run of few
                # hundred steps; a tile has pixels enough for a faster average.
                momentum=0.9,
                name=f"{name}_norm_{index}",
            )(features)
        features = keras.layers.ReLU(name=f"{name}_relu_{index}")(features)
    if dropout:
        features = layers.SeededDropout(dropout, name=f"{name}_dropout")(features)
    return features


def encoder_stage(
    features: Any, filters: int, *, name: str, **settings: Any
) -> tuple[Any, Any]:
    """Applies a conv_block, then 2x2 max pooling.

    Args:
        features: (batch, height, width, channels).
        filters: channels out.
        name: place in the drawing.
        settings: the other arguments of `conv_block`.

    Returns:
        (pooled, skip): features at half the size, and before pooling, each (batch, ...,
        filters).
    """
    skip = conv_block(features, filters, name=name, **settings)
    pooled = keras.layers.MaxPooling2D(2, name=f"{name}_pool")(skip)
    return pooled, skip


def decoder_stage(
    features: Any,
    skip: Any,
    filters: int,
    *,
    level: int,
    depth: int,
    padding: str,
    batch_norm: bool,
) -> Any:
    """Doubles the size, joins the skip and applies a conv_block.

    Args:
        features: (batch, height, width, 2 * filters).
        skip: features of the encoder at the same level; cut to size if "valid".
        filters: channels out.
        level: 0 at the full size.
        depth: number of poolings of the net.
        padding: as in conv_block.
        batch_norm: as in conv_block.

    Returns:
        Features (batch, 2 * height, 2 * width, filters), 4 pixels less in both if
        "valid".
    """
    name = f"decoder_{level}"
    upsampled = keras.layers.Conv2DTranspose(
        filters,
        2,
        strides=2,
        # Each output pixel sees one input pixel of a 2x2 kernel, so the fan-in is
        # the number of channels; Keras counts the kernel's four places and the
        # output channels (its kernels are stored transposed).
        kernel_initializer=keras.initializers.RandomNormal(
            stddev=(2.0 / features.shape[-1]) ** 0.5
        ),
        name=f"{name}_upsample",
    )(features)
    if padding == "valid":
        # The same for every legal size, so Keras's own layer does.
        crop = geometry.skip_crop(level, depth)
        skip = keras.layers.Cropping2D(crop, name=f"{name}_crop")(skip)
    joined = keras.layers.Concatenate(name=f"{name}_join")([skip, upsampled])
    return conv_block(
        joined, filters, padding=padding, batch_norm=batch_norm, name=name
    )
