from pipelines.overlap_tile import LARGEST_CORE
from pipelines.serving_graph.served_net import ServedNet


def test_tiles_are_those_of_predict_unless_said_otherwise():
    net = ServedNet(
        tile_logits=lambda tiles: tiles,
        depth=4,
        variant="padded",
        channels=1,
        output_channels=1,
        threshold=0.5,
        pixel_limit=1,
    )
    assert net.largest_core == LARGEST_CORE
    assert net.pixel_type is None
