import itertools

import pytest

from keras_unet.describe import FeatureMap, StageRow
from keras_unet.drawing_layout import TEXT_LINE, lay_out, size_text


def rows():
    """A U of depth 1: 20 pixels in, 4 out, 16 cropped by 2 to 12."""
    return [
        StageRow("input", (FeatureMap("input", 20, 20, 1),)),
        StageRow(
            "encoder_0",
            (
                FeatureMap("conv", 18, 18, 4),
                FeatureMap("conv", 16, 16, 4),
                FeatureMap("pool", 8, 8, 4),
            ),
        ),
        StageRow("bottleneck", (FeatureMap("conv", 6, 6, 16),)),
        StageRow(
            "decoder_0",
            (
                FeatureMap("upsample", 12, 12, 2),
                FeatureMap("join", 12, 12, 8),
                FeatureMap("conv", 10, 10, 4),
            ),
            crop=2,
        ),
        StageRow("logits", (FeatureMap("logits", 10, 10, 2),)),
        StageRow("probability", (FeatureMap("softmax", 10, 10, 2),)),
    ]


def test_pooling_goes_down_and_joining_up_in_the_same_column():
    bars = lay_out(rows())
    operations = [bar.feature_map.operation for bar in bars]
    assert operations == ["input", *["conv"] * 2, "pool", "conv", "join", "conv"] + [
        "logits"
    ]
    for before, after in itertools.pairwise(bars):
        across = after.centre[0] - before.centre[0]
        up = after.centre[1] - before.centre[1]
        match after.feature_map.operation:
            case "pool":
                assert across == 0 and up < 0
            case "join":
                assert across == 0 and up > 0
            case _:
                assert across > 0 and up == 0


def test_heights_and_widths_go_with_the_roots_of_sides_and_channels():
    by_map = {str(bar.feature_map): bar for bar in lay_out(rows())}
    first, bottleneck = by_map["20x20x1"], by_map["6x6x16"]
    assert first.height / by_map["8x8x4"].height == pytest.approx((20 / 8) ** 0.5)
    assert bottleneck.width / by_map["8x8x4"].width == pytest.approx(2)


def test_a_joined_bar_shows_what_was_copied_and_its_skip_what_was_kept():
    bars = lay_out(rows())
    skip, joined = bars[2], bars[5]
    assert joined.copied == 0.75  # 6 of 8 channels
    assert joined.crop == 2
    assert skip.kept == joined.height
    assert [bar.kept for bar in bars if bar is not skip] == [0] * 7


def test_arrows_leave_room_for_the_texts():
    bar = lay_out(rows())[0]
    assert bar.above[1] - bar.below[1] == pytest.approx(bar.height + 2 * TEXT_LINE)
    assert bar.right[0] - bar.left[0] == pytest.approx(bar.width)


def test_a_square_is_written_as_one_number():
    assert size_text(FeatureMap("conv", 568, 568, 64)) == "568²"
    assert size_text(FeatureMap("conv", 568, 64, 64)) == "568×\n64"
