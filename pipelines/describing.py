"""`describe`: the table of feature maps of any variant and settings, and its U."""

import logging

from pipelines.config import DescribeConfig

_PADDED_SIZE = 512

_logger = logging.getLogger(__name__)


def describe(config: DescribeConfig) -> str:
    """Builds the network that the settings name and describes it.

    Args:
        config: the settings; without a height, the input is 512x512 for "padded" and
            572x572, or the nearest larger legal size, for "paper".

    Returns:
        The table: feature maps, parameters and multiply-adds of every stage.

    Raises:
        ValueError: height or width do not fit the network, or `config.figure` ends
            in neither .svg nor .png or names a folder that does not exist.
    """
    # Here, so that settings can be checked without waiting for TensorFlow.
    from keras_unet import describe as describing
    from keras_unet import drawing
    from keras_unet.unet import build_unet

    if config.figure is not None:
        drawing.check_path(config.figure)
    height = config.height or _default_size(config)
    model = build_unet(
        config.variant,
        (height, config.width or height, config.channels),
        config.num_classes,
        base_filters=config.base_filters,
        depth=config.depth,
        batch_norm=config.batch_norm,
        dropout=config.dropout,
    )
    table = describing.format_table(describing.feature_table(model))
    if config.figure is not None:
        drawing.draw_unet(model, config.figure)
        _logger.info("Drew the network to %s", config.figure)
    return table


def _default_size(config: DescribeConfig) -> int:
    from keras_unet import geometry
    from keras_unet.unet import PAPER_INPUT_SIZE

    if config.variant == "padded":
        return _PADDED_SIZE
    return geometry.nearest_input_sizes(PAPER_INPUT_SIZE, config.depth)[-1]
