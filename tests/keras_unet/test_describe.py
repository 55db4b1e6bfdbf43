import keras
import numpy as np
import pytest

from keras_unet import build_unet, describe

# The table of the paper's network, row by row.
PAPER_ROWS = {
    "input": "572x572x1",
    "encoder_0": "570x570x64, 568x568x64, pooled 284x284x64",
    "encoder_1": "282x282x128, 280x280x128, pooled 140x140x128",
    "encoder_2": "138x138x256, 136x136x256, pooled 68x68x256",
    "encoder_3": "66x66x512, 64x64x512, pooled 32x32x512",
    "bottleneck": "30x30x1024, 28x28x1024",
    "decoder_3": "up 56x56x512, skip cropped by 4 a side, joined 56x56x1024, "
    "54x54x512, 52x52x512",
    "decoder_2": "up 104x104x256, skip cropped by 16 a side, joined 104x104x512, "
    "102x102x256, 100x100x256",
    "decoder_1": "up 200x200x128, skip cropped by 40 a side, joined 200x200x256, "
    "198x198x128, 196x196x128",
    "decoder_0": "up 392x392x64, skip cropped by 88 a side, joined 392x392x128, "
    "390x390x64, 388x388x64",
    "logits, 1x1 convolution": "388x388x2, no ReLU",
    "probability": "388x388x2, softmax",
}


def tiny(variant="padded", input_shape=(None, None, 1), **settings):
    return build_unet(
        variant, input_shape, **{"base_filters": 1, "depth": 1} | settings
    )


@pytest.fixture(scope="module")
def paper_rows():
    return describe.feature_table(build_unet("paper"))


@pytest.fixture(scope="module")
def paper_lines(paper_rows):
    return describe.format_table(paper_rows).splitlines()


@pytest.mark.parametrize("stage", PAPER_ROWS)
def test_each_row_of_the_papers_table_is_printed(paper_lines, stage):
    lines = [line for line in paper_lines if line.startswith(f"{stage} ")]
    assert len(lines) == 1
    # Columns stand two spaces apart.
    cells = [cell.strip() for cell in lines[0].split("  ") if cell.strip()]
    assert cells[:2] == [stage, PAPER_ROWS[stage]]


def test_the_papers_table_has_those_rows_in_that_order_and_a_total(paper_lines):
    heading, rule, *rows, last_rule, total = paper_lines
    assert heading.split("  ")[0] == "stage"
    assert rule == last_rule
    stages = [row.split("  ")[0] for row in rows]
    assert stages == list(PAPER_ROWS)
    assert total.split()[:2] == ["total", "31,030,658"]


def test_parameters_and_multiply_adds_are_those_worked_out_by_hand(paper_rows):
    rows = {row.stage: row for row in paper_rows}
    # 3x3 kernels from 1 to 64 and from 64 to 64 channels, with biases.
    assert rows["encoder_0"].parameters == 9 * 64 + 64 + 9 * 64 * 64 + 64
    assert rows["encoder_0"].multiply_adds == (
        570 * 570 * 9 * 1 * 64 + 568 * 568 * 9 * 64 * 64
    )
    # Each of 28x28 pixels meets four places of the transposed kernel.
    up, first, second = 4 * 1024 * 512, 9 * 1024 * 512, 9 * 512 * 512
    assert rows["decoder_3"].parameters == up + first + second + 3 * 512
    assert rows["decoder_3"].multiply_adds == (
        28 * 28 * up + 54 * 54 * first + 52 * 52 * second
    )
    assert rows["logits"].parameters == 64 * 2 + 2
    assert rows["logits"].multiply_adds == 388 * 388 * 64 * 2
    assert rows["input"].parameters == rows["probability"].multiply_adds == 0


@pytest.mark.parametrize(
    "settings",
    [
        {"variant": "padded", "depth": 3, "num_classes": 4},
        {"variant": "padded", "batch_norm": False, "activation": None},
        {"variant": "paper", "depth": 2, "batch_norm": True, "dropout": 0.0},
    ],
)
def test_the_rows_share_out_all_parameters(settings):
    model = tiny(**settings)
    size = 64 if model.get_layer("size_check").variant == "padded" else 60
    rows = describe.feature_table(model, size, size)
    assert sum(row.parameters for row in rows) == model.count_params()


def test_a_free_model_is_described_at_the_size_given_as_a_fixed_one_is():
    free = describe.feature_table(tiny("paper", depth=2), height=60, width=76)
    fixed = describe.feature_table(tiny("paper", (60, 76, 1), depth=2))
    assert free == fixed
    assert free[-1].feature_maps[0].height == 60 - 2 * 20
    assert free[-1].feature_maps[0].width == 76 - 2 * 20


def test_described_sizes_are_those_of_real_feature_maps():
    model = tiny("padded", depth=2, num_classes=3)
    rows = {row.stage: row for row in describe.feature_table(model, 12, 20)}
    image = np.zeros((1, 12, 20, 1), "float32")
    for stage, layer, index in [
        ("encoder_1", "encoder_1_relu_0", 0),
        ("encoder_1", "encoder_1_pool", 2),
        ("decoder_1", "decoder_1_upsample", 0),
        ("decoder_0", "decoder_0_join", 1),
        ("probability", "probability", 0),
    ]:
        part = keras.Model(model.input, model.get_layer(layer).output)
        feature_map = rows[stage].feature_maps[index]
        described = (feature_map.height, feature_map.width, feature_map.channels)
        assert tuple(part(image).shape)[1:] == described


def test_the_padded_net_crops_nothing_and_ends_in_its_activation():
    text = describe.format_table(describe.feature_table(tiny(), 8, 16))
    assert "up 8x16x1, joined 8x16x2, 8x16x1, 8x16x1" in text
    assert "crop" not in text
    assert "8x16x1, sigmoid" in text


def test_without_activation_the_table_ends_in_the_logits():
    assert describe.feature_table(tiny(activation=None), 8, 8)[-1].stage == "logits"


# Keras reads its variables in a way that NumPy 2 asks it to change.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_model_loaded_from_a_file_is_described_alike(tmp_path):
    model = tiny("paper", depth=2)
    model.save(tmp_path / "unet.keras")
    loaded = keras.models.load_model(tmp_path / "unet.keras")
    assert describe.feature_table(loaded, 60, 64) == describe.feature_table(
        model, 60, 64
    )


def test_describing_leaves_the_model_as_it_was():
    model = tiny(input_shape=(8, 8, 1))
    first = describe.feature_table(model)
    assert describe.feature_table(model) == first
    assert tuple(model.get_layer("logits").output.shape) == (None, 8, 8, 1)


@pytest.mark.parametrize(
    ("input_shape", "size", "message"),
    [
        ((None, None, 1), {"width": 8}, r"height free.* 2k \(2, 4, 6, \.\.\.\)"),
        ((8, None, 1), {}, "width free"),
        ((8, 8, 1), {"height": 10}, "takes height=8 only, got height=10"),
        ((None, None, 1), {"height": 8, "width": 9}, "width=9 .* 8 and 10"),
    ],
)
def test_a_size_that_is_missing_or_does_not_fit_is_named(input_shape, size, message):
    with pytest.raises(ValueError, match=message):
        describe.feature_table(tiny(input_shape=input_shape), **size)


def test_another_model_is_refused():
    image = keras.Input((8, 8, 1))
    other = keras.Model(image, keras.layers.ReLU()(image), name="other")
    with pytest.raises(ValueError, match="other was not made by keras_unet.build_unet"):
        describe.feature_table(other)
