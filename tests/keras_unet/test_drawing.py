import itertools
import xml.etree.ElementTree as ElementTree

import matplotlib.image
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import Rectangle

from keras_unet import build_unet, drawing


def tiny(variant="padded", input_shape=(None, None, 1), **settings):
    return build_unet(
        variant, input_shape, **{"base_filters": 1, "depth": 1} | settings
    )


def texts_of(figure):
    return [t for t in figure.axes[0].texts if t.get_text()]


def words_of(figure):
    return [text.get_text() for text in texts_of(figure)]


@pytest.mark.parametrize(
    ("variant", "depth", "base_filters", "size"),
    [
        ("paper", 1, 64, (572, 572)),
        ("paper", 4, 4, (572, 572)),
        ("paper", 6, 1, (764, 828)),
        ("padded", 2, 16, (512, 512)),
        ("padded", 2, 16, (1024, 1536)),
        ("padded", 5, 32, (512, 512)),
        ("padded", 6, 1, (2048, 64)),
    ],
)
def test_texts_stand_clear_of_one_another_of_the_bars_and_of_the_edge(
    variant, depth, base_filters, size
):
    model = tiny(variant, depth=depth, base_filters=base_filters, num_classes=2)
    figure = drawing.unet_figure(model, *size)
    renderer = FigureCanvasAgg(figure).get_renderer()
    texts = {t: t.get_window_extent(renderer) for t in texts_of(figure)}
    bars = [p for p in figure.axes[0].patches if isinstance(p, Rectangle)]
    for (one, box), (other, other_box) in itertools.combinations(texts.items(), 2):
        assert not box.overlaps(other_box), (one.get_text(), other.get_text())
    for text, box in texts.items():
        assert not any(box.overlaps(bar.get_window_extent(renderer)) for bar in bars)
        assert box.x0 >= 0 and box.y0 >= 0, text.get_text()
        assert box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1, text.get_text()


def test_bars_carry_their_channels_and_sizes_and_arrows_have_a_legend():
    words = words_of(drawing.unet_figure(tiny("paper", (44, 44, 1), depth=2)))
    # Input; encoders with the pooled maps; bottleneck; joined maps and decoders.
    channels = ["1", "1", "1", "1", "2", "2", "2", "4", "4"]
    channels += ["4", "2", "2", "2", "1", "1", "2"]
    sizes = [44, 42, 40, 20, 18, 16, 8, 6, 4, 8, 6, 4, 8, 6, 4, 4]
    assert [word for word in words if word.isdecimal()] == channels
    assert [word for word in words if word[-1] == "²"] == [f"{s}²" for s in sizes]
    assert [word for word in words if word.startswith("crop")] == ["crop 4", "crop 16"]
    assert words[-5:] == [
        "convolution 3×3 + ReLU",
        "copy and crop (pixels a side)",
        "max pool 2×2",
        "up-convolution 2×2",
        "convolution 1×1 + softmax",
    ]


def test_the_padded_net_copies_without_cropping_and_normalises():
    words = words_of(drawing.unet_figure(tiny(activation=None), 8, 16))
    assert "convolution 3×3 + batch norm + ReLU" in words
    assert "copy" in words
    assert "convolution 1×1" in words
    assert "8×\n16" in words
    assert not any("crop" in word for word in words)


def test_bars_are_taller_for_more_pixels_and_wider_for_more_channels():
    figure = drawing.unet_figure(tiny(depth=3, base_filters=16), 64, 64)
    bars = [p for p in figure.axes[0].patches if isinstance(p, Rectangle)]
    # Input, then per stage two convolutions and the pooled map.
    by_stage = [bars[1], bars[4], bars[7], bars[10]]
    for upper, lower in itertools.pairwise(by_stage):
        assert upper.get_height() > lower.get_height()
        assert upper.get_width() < lower.get_width()


def test_a_png_is_large_enough_to_read(tmp_path):
    drawing.draw_unet(tiny(depth=2), tmp_path / "unet.png", 64, 64)
    height, width, _ = matplotlib.image.imread(tmp_path / "unet.png").shape
    assert height > 800
    assert width > 800
    assert [path.name for path in tmp_path.iterdir()] == ["unet.png"]


def test_an_svg_is_whole(tmp_path):
    drawing.draw_unet(tiny(), str(tmp_path / "unet.SVG"), 64, 64)
    root = ElementTree.parse(tmp_path / "unet.SVG").getroot()
    assert root.tag.endswith("svg")
    assert len(list(root.iter())) > 50


def test_a_drawing_of_before_is_replaced(tmp_path):
    (tmp_path / "unet.png").write_bytes(b"old")
    drawing.draw_unet(tiny(), tmp_path / "unet.png", 8, 8)
    assert np.ptp(matplotlib.image.imread(tmp_path / "unet.png")) > 0.5


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("unet.jpg", r"unet\.jpg: .*\.svg or \.png"),
        ("unet", r"unet: .*\.svg or \.png"),
        ("missing/unet.png", "no folder .*missing"),
        ("folder.png", r"folder\.png: .*file name"),
    ],
)
def test_a_path_that_cannot_be_drawn_to_is_named(tmp_path, name, message):
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(ValueError, match=message):
        drawing.draw_unet(tiny(), tmp_path / name, 8, 8)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.png"]


def test_the_same_model_gives_the_same_drawing(tmp_path):
    model = tiny()
    for name in ("first.svg", "second.svg"):
        drawing.draw_unet(model, tmp_path / name, 8, 8)
    first, second = (tmp_path / n for n in ("first.svg", "second.svg"))
    assert first.read_bytes() == second.read_bytes()
