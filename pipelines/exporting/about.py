"""What an export says of itself, through its signature `about`."""

import json
from collections.abc import Sequence
from typing import Any

from keras_unet import geometry
from pipelines import run_folder
from pipelines.run_folder import RunRecord
from pipelines.serving_graph.served_net import ServedNet
from pipelines.serving_graph.tiled_graph import margins

FORMAT = 1


def about(
    record: RunRecord,
    net: ServedNet,
    *,
    folded: bool,
    golden: Sequence[str],
    weights: str,
) -> str:
    """Returns a JSON object in ASCII, so that it is text in every answer.

    Args:
        record: of the run.
        net: what is served.
        folded: batch normalisation is folded into the convolutions.
        golden: names of the requests in assets.extra/golden.json.
        weights: their checksum.
    """
    around = margins(net.depth, net.variant)
    document: dict[str, Any] = {
        "format": FORMAT,
        "classes": record.classes,
        "mask_values": _mask_values(record.classes),
        "channels": net.channels,
        "probability_channels": net.output_channels,
        "scaling": record.scaling,
        # Of the images that were trained on, where its largest value scales pixels.
        "pixel_type": net.pixel_type,
        "threshold": net.threshold,
        "variant": net.variant,
        "depth": net.depth,
        "context": geometry.context(net.depth),
        "largest_core": net.largest_core,
        "alignment": around.alignment,
        "margin_before": around.before,
        "margin_after": around.after,
        "pixel_limit": net.pixel_limit,
        "precision": "float32",
        "batch_norm_folded": folded,
        "training": {
            "fingerprint": record.data.get("training", {}).get("fingerprint"),
            "versions": record.versions,
            "weights": weights,
        },
        "versions": run_folder.versions(),
        "golden": list(golden),
    }
    return json.dumps(document, ensure_ascii=True)


def _mask_values(classes: Sequence[str]) -> dict[str, str]:
    """Returns the class of each value of a mask."""
    values = [0, 255] if len(classes) <= 2 else range(len(classes))
    return {str(value): name for value, name in zip(values, classes, strict=True)}
