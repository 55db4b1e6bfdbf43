import logging

import pytest

from pipelines import describe
from pipelines.config import DescribeConfig


def settings(**changes):
    return DescribeConfig(**{"base_filters": 1, "depth": 1} | changes)


def row(table, stage):
    return next(line for line in table.splitlines() if line.startswith(f"{stage} "))


def test_the_padded_net_is_described_at_512():
    table = describe(settings())
    assert "512x512x1" in row(table, "input")
    assert "256x256x2, 256x256x2" in row(table, "bottleneck")


@pytest.mark.parametrize(
    ("depth", "size", "output"),
    # 572 is legal at the depths 1 to 4; from 5 on the next larger size is taken.
    [(1, 572, 556), (4, 572, 388), (5, 572, 196), (6, 764, 4)],
)
def test_the_paper_net_is_described_at_572_or_the_nearest_size(depth, size, output):
    table = describe(settings(variant="paper", depth=depth))
    assert f"{size}x{size}x1" in row(table, "input")
    assert f"{output}x{output}x2" in row(table, "logits, 1x1 convolution")


def test_the_width_is_the_height_unless_given():
    assert "64x64x3" in row(describe(settings(height=64, channels=3)), "input")
    assert "64x32x1" in row(describe(settings(height=64, width=32)), "input")


def test_every_setting_of_the_network_is_taken():
    table = describe(
        settings(base_filters=3, depth=2, num_classes=5, batch_norm=False, height=8)
    )
    assert "8x8x3, 8x8x3, pooled 4x4x3" in row(table, "encoder_0")
    assert "8x8x5, softmax" in row(table, "probability")
    # Two 3x3 convolutions with biases and without normalisation.
    assert f"{9 * 3 + 3 + 9 * 9 + 3}" in row(table, "encoder_0")


def test_the_figure_is_drawn_and_its_place_is_logged(tmp_path, caplog):
    path = tmp_path / "unet.svg"
    with caplog.at_level(logging.INFO, logger="pipelines"):
        describe(settings(height=8, figure=str(path)))
    assert path.read_text().lstrip().startswith("<?xml")
    assert str(path) in caplog.text


def test_a_size_that_does_not_fit_is_named():
    with pytest.raises(ValueError, match="width=33 .* 32 and 34"):
        describe(settings(height=32, width=33))


def test_a_figure_that_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match=r"unet\.pdf: .*\.svg or \.png"):
        describe(settings(height=8, figure="unet.pdf"))
