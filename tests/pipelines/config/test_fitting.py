import dataclasses
import json
import pathlib

import pytest

from pipelines import cli, config

CLASSES = [config_class for config_class, _ in cli.VERBS.values()]
NAMES = {"images": "i", "masks": "m", "run_dir": "r"}


def fit(**settings):
    return config.FitConfig(**NAMES | settings)


@pytest.mark.parametrize("config_class", CLASSES)
def test_every_setting_has_a_help_text(config_class):
    for field in dataclasses.fields(config_class):
        assert field.metadata["help"], field.name


@pytest.mark.parametrize("config_class", CLASSES)
def test_settings_cannot_be_changed_once_they_are_checked(config_class):
    field = dataclasses.fields(config_class)[0]
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(object.__new__(config_class), field.name, "other")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("run_dir", ""),
        ("precision", "float64"),
        ("base_filters", 0),
        ("depth", 0),
        ("depth", 7),
        ("tile_size", 0),
        ("batch_size", -1),
        ("steps", 0),
        ("minutes", 0),
        ("validations", 0),
        ("learning_rate", 0),
        ("seed", -1),
        ("seed", 2**31),
    ],
)
def test_a_value_out_of_range_is_refused_by_name_and_value(name, value):
    with pytest.raises(ValueError, match=f"^{name} must ") as error:
        fit(**{name: value})
    assert str(error.value).endswith(f"got {value!r}.")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"steps": 5, "minutes": 1}, "steps or minutes, not both; got 5.*1 min"),
        (
            {"class_names": ("a", "b", "c"), "num_classes": 1},
            "gives 3 names .*, but num_classes 1 gives 2 classes, ids 0 to 1",
        ),
    ],
)
def test_settings_that_clash_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        fit(**settings)


def test_paths_become_text_that_a_run_can_keep():
    settings = fit(
        images=pathlib.Path("i"),
        run_dir=pathlib.Path("r"),
        validation_images=pathlib.Path("v"),
        validation_masks=pathlib.Path("w"),
    )
    kept = json.loads(json.dumps(dataclasses.asdict(settings)))
    assert (kept["images"], kept["validation_images"], kept["run_dir"]) == (
        "i",
        "v",
        "r",
    )


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: config.PredictConfig(model="m", images="i", out=""), "out"),
        (lambda: config.EvaluateConfig(model="", images="i", masks="m"), "model"),
        (lambda: config.ExportConfig(model="m", to=""), "to"),
        (lambda: config.ServeConfig(saved_model="m", rest_port=65536), "rest_port"),
        (lambda: config.ServeConfig(saved_model="m", engine="triton"), "engine"),
        (
            lambda: config.SegmentConfig(url="u", images="i", out="o", timeout=0),
            "timeout",
        ),
        (lambda: config.DescribeConfig(height=0), "height"),
        (lambda: config.DescribeConfig(variant="other"), "variant"),
        (lambda: config.DemoConfig(steps=0), "steps"),
    ],
)
def test_every_verb_checks_its_settings(make, name):
    with pytest.raises(ValueError, match=f"^{name} must "):
        make()


@pytest.mark.parametrize("name", ["loss", "optimizer"])
def test_objects_in_the_place_of_import_paths_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} must be an import path MODULE:NAME"):
        config.FitConfig(images="i", masks="m", run_dir="r", **{name: object()})


def test_the_name_alone_of_an_optimizer_is_shown_an_import_path():
    words = (
        r"optimizer must be an import path .* such as keras\.optimizers:Adam, got 'a"
    )
    with pytest.raises(ValueError, match=words):
        config.FitConfig(images="i", masks="m", run_dir="r", optimizer="adam")


def test_weights_of_classes_may_be_numbers():
    made = config.FitConfig(
        images="i", masks="m", run_dir="r", class_weights=[1, 2.5, "3"]
    )
    assert made.class_weights == ("1", "2.5", "3")
