"""A net of a training loop of one's own goes on like a run of `fit`."""

import json

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose

import keras_unet
import pipelines
from pipelines import run_folder
from pipelines.config import EvaluateConfig, ExportConfig, PredictConfig
from pipelines.exporting.saved_version import SavedVersion
from pipelines.images import ImageEntry, read_image
from pipelines.inference import policy
from pipelines.overlap_tile import Net
from pipelines.scaling import scale_image


def build(**changes) -> keras.Model:
    keras.utils.set_random_seed(5)
    return keras_unet.build_unet(**{"base_filters": 2, "depth": 1} | changes)


def test_a_net_trained_in_keras_is_scored_segmented_with_and_served(discs, tmp_path):
    model = build(input_shape=(None, None, 1))
    model.compile("adam", "binary_crossentropy")
    scaled = scale_image(read_image(ImageEntry(discs / "images" / "cell_0.png")))
    mask = read_image(ImageEntry(discs / "masks" / "cell_0.png")) > 0
    model.fit(scaled[None], mask[None].astype("float32"), epochs=3, verbose=0)
    run = pipelines.save_run(model, tmp_path / "run", threshold=0.4)
    images, masks = str(discs / "images"), str(discs / "masks")
    written = pipelines.predict(
        PredictConfig(model=str(run), images=images, out=str(tmp_path / "out"))
    )
    assert len(written) == 5
    result = pipelines.evaluate(
        EvaluateConfig(model=str(run), images=images, masks=masks)
    )
    assert result.threshold == 0.4
    exported = pipelines.export(ExportConfig(model=str(run), to=str(tmp_path / "to")))
    image = read_image(ImageEntry(discs / "images" / "cell_0.png"))
    answer = SavedVersion(exported.path).run(
        "serving_default", {"image": image[None].astype("float32")}
    )["probability"]
    # The same as the whole mirrored image through the net as it was trained.
    padded = np.pad(scaled, ((16, 16), (16, 16), (0, 0)), mode="reflect")
    whole = model.predict(padded[None], verbose=0)[0, 16:-16, 16:-16]
    assert_allclose(answer[0], whole, atol=1e-5)


def test_the_net_is_kept_in_logits_float32_and_for_any_size(tmp_path):
    with policy("bfloat16"):
        model = build(variant="paper", input_shape=(44, 44, 1), num_classes=3)
    run = run_folder.load(str(pipelines.save_run(model, tmp_path / "run")))
    assert run.model.input_shape == (None, None, None, 1)
    assert run.model.compute_dtype == "float32"
    assert run.model.layers[-1].name == "logits"
    for ours, theirs in zip(run.model.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert run.record.threshold is None
    assert run.record.classes == ["class 0", "class 1", "class 2"]
    assert run.record.precision == {"training": "bfloat16", "model": "float32"}
    assert Net(run.model).probability(np.zeros((5, 7, 1), np.float32)).shape == (
        5,
        7,
        3,
    )


def test_an_export_of_a_net_on_scaled_types_divides_by_that_type(tmp_path):
    model = build(input_shape=(None, None, 1))
    run = pipelines.save_run(
        model, tmp_path / "run", scaling="dtype", pixel_type="uint16"
    )
    exported = pipelines.export(ExportConfig(model=str(run), to=str(tmp_path / "to")))
    answer = SavedVersion(exported.path).run("about", {"query": np.array([b""])})
    about = json.loads(answer["about"][0])
    assert (about["scaling"], about["pixel_type"]) == ("dtype", "uint16")


def test_fit_starts_from_a_net_of_ones_own(fit_config, tmp_path):
    own = pipelines.save_run(build(input_shape=(None, None, 1)), tmp_path / "own")
    # The net is that of the other run, as nothing is said of it.
    settings = {"base_filters": None, "depth": None, "steps": 1, "validations": 1}
    # Without a change of the weights: what it starts from is what it ends with.
    pipelines.fit(
        fit_config(
            tmp_path / "run", init_from=str(own), learning_rate=1e-12, **settings
        )
    )
    ours, theirs = (
        run_folder.load(str(path)).model.get_layer("logits").get_weights()
        for path in (own, tmp_path / "run")
    )
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"scaling": "minmax"}, "scaling must be one of per_image, dtype"),
        ({"scaling": "dtype"}, "needs the type of the images' pixels"),
        ({"scaling": "dtype", "pixel_type": "words"}, "got 'words'"),
        ({"pixel_type": "uint8"}, "for scaling='dtype' only"),
        ({"threshold": 1.5}, "threshold must be 0 to 1"),
        ({"threshold": "0.5"}, "threshold must be 0 to 1, got '0.5'"),
        ({"classes": ["cell"]}, "classes must be the 2 names"),
        ({"classes": ["cell", "cell"]}, "classes must differ"),
        ({"smallest_object": 0}, "smallest_object must be a whole number"),
    ],
)
def test_what_no_verb_could_use_is_refused_and_nothing_written(
    arguments, named, tmp_path
):
    with pytest.raises(ValueError, match=named):
        pipelines.save_run(build(), tmp_path / "run", **arguments)
    assert not (tmp_path / "run").exists()


def test_arguments_in_the_other_order_are_told_which_is_the_model(tmp_path):
    with pytest.raises(ValueError, match="model must be a Keras model .* got '.*run'"):
        pipelines.save_run(str(tmp_path / "run"), build())


def test_more_classes_than_a_mask_can_tell_are_refused(tmp_path):
    with pytest.raises(ValueError, match="has 256 classes, expected at most 255"):
        pipelines.save_run(build(num_classes=256), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_changed_net_is_refused_with_what_was_changed(tmp_path):
    model = build()
    logits = model.get_layer("logits").output
    changed = keras.Model(model.input, keras.layers.ReLU(name="clipped")(logits))
    with pytest.raises(ValueError, match=r"layers \['clipped'\] are added"):
        pipelines.save_run(changed, tmp_path / "run")
    other = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(1, 3)])
    with pytest.raises(ValueError, match="not made by keras_unet.build_unet"):
        pipelines.save_run(other, tmp_path / "run")


@pytest.mark.parametrize(
    ("activation", "num_classes", "named"),
    [("tanh", 1, "take sigmoid of the logits"), ("sigmoid", 2, "take softmax")],
)
def test_an_activation_that_no_verb_applies_is_refused(
    activation, num_classes, named, tmp_path
):
    model = build(activation=activation, num_classes=num_classes)
    with pytest.raises(ValueError, match=f"ends in the activation '.*{named}"):
        pipelines.save_run(model, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    pipelines.save_run(build(activation="linear"), tmp_path / "run")


def clone_with(change) -> keras.Model:
    """A net of which `change` makes some layers anew, under their names."""
    return keras.models.clone_model(
        build(dropout=0.2),
        clone_function=lambda layer: (
            change(layer) or type(layer).from_config(layer.get_config())
        ),
    )


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (
            lambda layer: (
                isinstance(layer, keras.layers.ReLU)
                and keras.layers.LeakyReLU(name=layer.name)
            ),
            "encoder_0_relu_0 is a LeakyReLU in the place of a ReLU",
        ),
        (
            lambda layer: (
                isinstance(layer, keras.layers.BatchNormalization)
                and keras.layers.BatchNormalization(epsilon=1.0, name=layer.name)
            ),
            "encoder_0_norm_0 is one of {'epsilon': 1.0}",
        ),
    ],
)
def test_a_layer_that_computes_something_else_is_refused(change, named, tmp_path):
    with pytest.raises(ValueError, match=named):
        pipelines.save_run(clone_with(change), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def other_for_training(layer):
    if isinstance(layer, keras.layers.BatchNormalization):
        return keras.layers.BatchNormalization(momentum=0.5, name=layer.name)
    if layer.name.endswith("dropout"):
        return keras.layers.Dropout(0.3, name=layer.name)
    if layer.name == "bottleneck_conv_0":
        settings = {"kernel_regularizer": "l2", "trainable": False}
        return type(layer).from_config({**layer.get_config(), **settings})
    return None


def test_a_layer_that_differs_in_training_only_is_taken(tmp_path):
    model = clone_with(other_for_training)
    model.save(tmp_path / "own.keras")
    model = keras.models.load_model(tmp_path / "own.keras")
    run = run_folder.load(str(pipelines.save_run(model, tmp_path / "run")))
    for ours, theirs in zip(run.model.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_an_existing_folder_is_left_alone(tmp_path):
    with pytest.raises(ValueError, match="exists already"):
        pipelines.save_run(build(), tmp_path)


def test_a_folder_that_cannot_be_written_whole_is_removed(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(run_folder, "publish", fail)
    with pytest.raises(OSError, match="No space left"):
        pipelines.save_run(build(), tmp_path / "run")
    assert not (tmp_path / "run").exists()
