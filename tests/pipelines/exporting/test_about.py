import json

from pipelines import run_folder
from pipelines.exporting.about import about
from pipelines.serving_graph.served_net import ServedNet


def record(classes):
    return run_folder.RunRecord(
        settings={},
        network={},
        classes=classes,
        mask_coding={},
        scaling="per_image",
        threshold=0.25,
        precision={},
        data={"training": {"fingerprint": "abc"}},
        best={},
        versions={"keras": "then"},
    )


NET = ServedNet(
    tile_logits=lambda tiles: tiles,
    depth=4,
    variant="padded",
    channels=3,
    output_channels=1,
    threshold=0.25,
    pixel_limit=1000,
)


def test_an_export_says_what_a_client_has_to_know():
    text = about(
        record(["background", "Zellkörper"]),
        NET,
        folded=True,
        golden=["pixels/one"],
        weights="123",
    )
    assert text.isascii()
    found = json.loads(text)
    assert found["versions"] == run_folder.versions()
    del found["versions"]
    assert found == {
        "format": 1,
        "classes": ["background", "Zellkörper"],
        "mask_values": {"0": "background", "255": "Zellkörper"},
        "channels": 3,
        "probability_channels": 1,
        "scaling": "per_image",
        "pixel_type": None,
        "threshold": 0.25,
        "variant": "padded",
        "depth": 4,
        "context": 92,
        "largest_core": 512,
        "alignment": 16,
        "margin_before": 96,
        "margin_after": 96,
        "pixel_limit": 1000,
        "precision": "float32",
        "batch_norm_folded": True,
        "training": {
            "fingerprint": "abc",
            "versions": {"keras": "then"},
            "weights": "123",
        },
        "golden": ["pixels/one"],
    }


def test_three_classes_are_values_of_the_mask():
    classes = ["sky", "sea", "land"]
    found = json.loads(about(record(classes), NET, folded=False, golden=[], weights=""))
    assert found["mask_values"] == {"0": "sky", "1": "sea", "2": "land"}
