import dataclasses
import itertools
import json
import re
import shutil

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf
import tifffile

from pipelines import evaluate, predict, scores
from pipelines.config import EvaluateConfig, PredictConfig
from pipelines.dataset import Dataset
from pipelines.evaluation import evaluation
from pipelines.evaluation.unscored import ScoresError
from pipelines.images import ImageEntry, read_mask
from pipelines.overlap_tile import Net

KEYS = {
    "classes",
    "mean_iou",
    "mean_dice",
    "mean_precision",
    "mean_recall",
    "pixel_error",
    "v_rand",
    "v_info",
    "rand_error",
    "warping_error",
    "splits_and_mergers",
    "best_thresholds",
    "average_precision",
    "threshold",
    "images",
    "hausdorff_unit",
    "threshold_from",
    "object_threshold",
    "smallest_object",
    "inside",
    "flips",
    "warnings",
}
CLASS_KEYS = {
    "name",
    "iou",
    "dice",
    "precision",
    "recall",
    "boundary_f1",
    "hausdorff95",
}


@pytest.fixture
def config(run, discs):
    def make(**changes):
        settings = {
            "model": str(run),
            "images": str(discs / "images"),
            "masks": str(discs / "masks"),
        }
        return EvaluateConfig(**settings | changes)

    return make


def refuse_constant(name):
    raise AssertionError(f"{name} is not JSON")


def test_the_json_file_has_exactly_the_promised_keys(config, tmp_path):
    path = tmp_path / "new" / "scores.json"
    evaluation = evaluate(config(json=str(path)))
    found = json.loads(path.read_text(), parse_constant=refuse_constant)
    assert set(found) == KEYS
    assert [row["name"] for row in found["classes"]] == ["background", "foreground"]
    assert all(set(row) == CLASS_KEYS for row in found["classes"])
    assert found["images"] == 5
    of_the_challenge = ("v_rand", "v_info", "warping_error", "splits_and_mergers")
    numbers = [found[name] for name in of_the_challenge]
    assert set(found["best_thresholds"]) == {*of_the_challenge, "rand_error"}
    numbers += [row[name] for row in found["classes"] for name in CLASS_KEYS - {"name"}]
    assert all(isinstance(number, float) for number in numbers)
    assert list(found["average_precision"])[0] == "0.5"
    assert (found["threshold_from"], found["hausdorff_unit"]) == ("run", "pixels")
    assert found == json.loads(evaluation.to_json())


def test_a_result_does_not_replace_what_is_scored(config, discs):
    mask = discs / "masks" / "cell_0.png"
    with pytest.raises(ValueError, match=r"cell_0\.png is an input"):
        evaluate(config(report=str(mask)))
    assert mask.read_bytes().startswith(b"\x89PNG")


def test_a_result_does_not_replace_the_record_of_the_run(config, run, monkeypatch):
    record = (run / "config.json").read_bytes()

    def too_late(*_):
        raise AssertionError("before any work")

    monkeypatch.setattr(evaluation.run_folder, "load", too_late)
    with pytest.raises(ValueError, match=r"config\.json belongs to the run"):
        evaluate(config(json=str(run / "config.json")))
    assert (run / "config.json").read_bytes() == record


def test_scores_are_those_of_the_masks_that_predict_writes(
    config, run, discs, tmp_path
):
    paths = predict(
        PredictConfig(model=str(run), images=str(discs / "images"), out=str(tmp_path))
    )
    confusion = np.zeros((2, 2), int)
    for path in paths:
        y_true = read_mask(ImageEntry(discs / "masks" / path.name)) // 255
        confusion += scores.confusion_matrix(
            y_true, read_mask(ImageEntry(path)) // 255, 2
        )
    evaluation = evaluate(config())
    assert evaluation.mean_iou == pytest.approx(scores.mean_iou(confusion))
    assert evaluation.pixel_error == pytest.approx(scores.pixel_error(confusion))
    expected = scores.class_scores(confusion)
    for index, row in enumerate(evaluation.classes):
        for name in ("iou", "dice", "precision", "recall"):
            value = getattr(expected, name)[index]
            found = np.nan if row[name] is None else row[name]
            np.testing.assert_allclose(found, value)


def test_a_class_that_does_not_occur_is_null_and_shown_as_a_dash(
    random_net, save_run, config, discs, tmp_path
):
    run = save_run(tmp_path / "run", random_net(num_classes=4))
    masks = tmp_path / "masks"
    masks.mkdir()
    for path in (discs / "images").iterdir():
        PIL.Image.fromarray(np.ones((40, 56), np.uint8)).save(masks / path.name)
    evaluation = evaluate(config(model=str(run), masks=str(masks)))
    names = [row["name"] for row in evaluation.classes]
    assert names == ["class 0", "class 1", "class 2", "class 3"]
    assert evaluation.threshold is None
    recalls = [row["recall"] for row in evaluation.classes]
    assert recalls[0] is recalls[2] is recalls[3] is None
    assert recalls[1] is not None
    assert " - " in str(evaluation).replace("\n", " ")
    json.loads(evaluation.to_json(), parse_constant=refuse_constant)


def test_classes_have_the_names_of_the_run_or_others_that_are_given(
    random_net, save_run, config, tmp_path
):
    run = save_run(tmp_path / "run", random_net(), classes=["background", "cells"])
    settings = {"model": str(run), "scores": "quick"}
    path = tmp_path / "scores.json"
    table = str(evaluate(config(**settings, json=str(path))))
    found = json.loads(path.read_text())
    assert [row["name"] for row in found["classes"]] == ["background", "cells"]
    assert "\ncells" in table
    page = tmp_path / "scores.html"
    names = ("background", "<b>discs</b>")
    result = evaluate(config(**settings, class_names=names, report=str(page)))
    assert [row["name"] for row in result.classes] == [*names]
    html = page.read_text(encoding="utf-8")
    assert "&lt;b&gt;discs" in html and "<b>discs" not in html
    with pytest.raises(ValueError, match="gives 3 names .*run has 2 classes"):
        evaluate(config(**settings, class_names=("a", "b", "c")))


def test_the_result_is_a_readable_table(config):
    text = str(evaluate(config()))
    lines = text.splitlines()
    assert lines[0].split()[:3] == ["class", "IoU", "Dice"]
    assert lines[1].split()[0] == "background"
    assert len(lines[1].split()) == 1 + 6
    assert "Hausdorff distances in pixels" in text
    for name in ("V_rand", "V_info", "warping error", "average precision at 0.5"):
        assert f"\n{name}  " in text
    assert "5 images, threshold" in lines[-1] and lines[-1].endswith("(run)")
    assert max(map(len, lines)) <= 88


def test_more_classes_than_the_model_knows_are_refused(config, discs, tmp_path):
    masks = tmp_path / "masks"
    masks.mkdir()
    for path in (discs / "images").iterdir():
        ids = np.arange(40 * 56).reshape(40, 56) % 3
        PIL.Image.fromarray(ids.astype(np.uint8)).save(masks / path.name)
    with pytest.raises(ValueError, match="3 classes, but the model knows 2"):
        evaluate(config(masks=str(masks), mask_kind="classes"))


def test_images_of_other_channels_are_refused(config, write_pair, folders):
    image = np.zeros((8, 8, 3), np.uint8)
    image[2:4] = 255
    write_pair("a.png", image[..., 0], image)
    with pytest.raises(ValueError, match="images: 1 channels expected, got 3"):
        evaluate(config(**folders))


def test_alpha_of_a_tiff_is_left_out_as_by_predict(config, discs, tmp_path):
    (tmp_path / "images").mkdir()
    for path in (discs / "images").iterdir():
        grey = np.asarray(PIL.Image.open(path))
        both = np.stack([grey, np.full_like(grey, 255)], axis=-1)
        target = tmp_path / "images" / f"{path.stem}.tif"
        tifffile.imwrite(
            target, both, photometric="minisblack", extrasamples=["unassalpha"]
        )
    found = evaluate(config(images=str(tmp_path / "images"), scores="quick"))
    expected = evaluate(config(scores="quick"))
    assert found.classes == expected.classes


def test_scores_whose_file_cannot_be_written_are_shown(config, monkeypatch, tmp_path):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(evaluation, "write_bytes_atomically", full)
    with pytest.raises(
        ValueError, match=r"a\.json: cannot be written .No space left"
    ) as caught:
        evaluate(config(json=str(tmp_path / "a.json"), scores="quick"))
    assert caught.value.report.images == 5


def test_settings_of_objects_are_refused_with_more_classes(
    random_net, save_run, config, tmp_path
):
    run = save_run(tmp_path / "run", random_net(num_classes=3))
    for setting in ({"smallest_object": 5}, {"inside": "background"}):
        with pytest.raises(ValueError, match="the model tells 3 apart. Leave them out"):
            evaluate(config(model=str(run), **setting))


def test_the_page_names_the_threshold_that_objects_were_cut_at(config, run, tmp_path):
    copied = shutil.copytree(run, tmp_path / "run")
    record = json.loads((copied / "config.json").read_text())
    record["object_threshold"] = 0.7654
    (copied / "config.json").write_text(json.dumps(record))
    page = tmp_path / "scores.html"
    evaluate(config(model=str(copied), threshold=0.3, report=str(page), scores="quick"))
    text = page.read_text()
    assert "0.7654" not in text
    assert "of the foreground, " in text


def test_pixels_of_a_type_that_the_run_does_not_know_are_told(
    config, run, discs, tmp_path, caplog
):
    copied = shutil.copytree(run, tmp_path / "run")
    record = json.loads((copied / "config.json").read_text())
    record["scaling"] = "dtype"
    (copied / "config.json").write_text(json.dumps(record))
    (tmp_path / "images").mkdir()
    for path in (discs / "images").iterdir():
        pixels = np.asarray(PIL.Image.open(path)).astype(np.float32)
        tifffile.imwrite(tmp_path / "images" / f"{path.stem}.tif", pixels)
    settings = {"model": str(copied), "images": str(tmp_path / "images")}
    found = evaluate(config(**settings, scores="quick"))
    assert any("Pixels are float32, but" in warning for warning in found.warnings)
    predict(PredictConfig(**settings, out=str(tmp_path / "out")))
    assert caplog.text.count("Pixels are float32, but the run has learned from") == 2


def test_masks_whose_palettes_mix_up_classes_are_told(
    random_net, save_run, config, discs, tmp_path, caplog
):
    run = save_run(tmp_path / "run", random_net(num_classes=4))
    (tmp_path / "masks").mkdir()
    for number, path in enumerate(sorted((discs / "images").iterdir())):
        mask = np.zeros((40, 56), np.uint8)
        mask[5:], mask[9:] = 1, 2
        image = PIL.Image.frombytes("P", (56, 40), mask.tobytes())
        colours = [(0, 160, 0), (220, 0, 0)][:: -1 if number == 0 else 1]
        image.putpalette([0, 0, 0, *colours[0], *colours[1]])
        image.save(tmp_path / "masks" / path.name)
    masks = str(tmp_path / "masks")
    found = evaluate(config(model=str(run), masks=masks, scores="quick"))
    assert any("by its palette the colour" in warning for warning in found.warnings)
    assert "by its palette the colour" in caplog.text


def test_a_folder_that_is_no_run_is_refused(config, tmp_path):
    with pytest.raises(ValueError, match="no run folder: config.json is missing"):
        evaluate(config(model=str(tmp_path)))


def test_a_report_is_written_with_the_worst_and_the_best_images(config, tmp_path):
    page = tmp_path / "new" / "scores.html"
    found = evaluate(config(report=str(page)))
    text = page.read_text(encoding="utf-8")
    assert f"<b>{found.mean_iou:.4f}</b>mean IoU" in text
    assert (
        len(re.findall("<b>cell_[0-4]</b>: (?:2nd )?(?:worst|best), mean", text)) == 4
    )
    assert "The run was trained on 4 of these 5 images" in text
    # Curves of probabilities, and of the training of the run.
    assert text.count("<svg") == 4


def test_images_that_the_run_was_trained_on_are_said(
    config, disc_set, write_pair, folders, caplog
):
    # By its pixels, under any name and with any mask.
    write_pair("renamed.png", disc_set.mask(3), disc_set.image(2))
    found = evaluate(config(**folders, scores="quick"))
    assert found.warnings[0].startswith("The run was trained on 1 of these 1 images")
    assert found.warnings[0] in caplog.text


def test_a_threshold_chosen_on_validation_images_is_said_to_be(config, discs, caplog):
    caplog.set_level("INFO")
    one = {name: str(discs / name / "cell_0.png") for name in ("images", "masks")}
    found = evaluate(config(threshold="auto", scores="quick", **one))
    assert found.threshold_from == "validation images"
    assert (
        "chosen on the validation images of the run (1), which are not scored"
        in caplog.text
    )
    assert found.v_rand is found.warping_error is None
    assert found.average_precision is not None


def test_a_given_threshold_is_used(config):
    low, high = (evaluate(config(threshold=at, scores="quick")) for at in (0.01, 0.99))
    assert (low.threshold, low.threshold_from) == (0.01, "given")
    assert low.classes[1]["recall"] > high.classes[1]["recall"]


def test_images_are_scored_one_by_one(config, monkeypatch):
    """No image is read before the one before it is scored."""
    events = []
    add, read = evaluation.SetScores.add, Dataset.image

    def scored(self, one):
        events.append("scored")
        add(self, one)

    def opened(self, index):
        events.append("read")
        return read(self, index)

    monkeypatch.setattr(evaluation.SetScores, "add", scored)
    monkeypatch.setattr(Dataset, "image", opened)
    evaluate(config(scores="quick"))
    assert events == ["read", "scored"] * 5


@pytest.fixture(scope="module")
def without_cell_2(run, discs, tmp_path_factory):
    """The evaluation of all images but one."""
    folder = tmp_path_factory.mktemp("others")
    for name in ("images", "masks"):
        shutil.copytree(discs / name, folder / name)
        (folder / name / "cell_2.png").unlink()
    data = {name: str(folder / name) for name in ("images", "masks")}
    return evaluate(EvaluateConfig(model=str(run), **data))


def fail_at(monkeypatch, owner, name, call, error):
    """Lets a method raise when it is called for the so-manieth time, from 0 on."""
    method, calls = getattr(owner, name), itertools.count()

    def failing(self, *args, **kwargs):
        if next(calls) == call:
            raise error
        return method(self, *args, **kwargs)

    monkeypatch.setattr(owner, name, failing)


@pytest.mark.parametrize(
    ("owner", "name", "error"),
    [
        # The last score of an image: the others have it already.
        (scores.WarpingCounts, "add", MemoryError()),
        (Net, "logits", tf.errors.ResourceExhaustedError(None, None, "OOM")),
        (Net, "logits", tf.errors.AbortedError(None, None, "no primitive")),
    ],
)
def test_an_image_without_memory_leaves_the_scores_of_the_others(
    config, without_cell_2, tmp_path, monkeypatch, caplog, owner, name, error
):
    fail_at(monkeypatch, owner, name, 2, error)
    path, page = tmp_path / "scores.json", tmp_path / "scores.html"
    with pytest.raises(ScoresError, match=r"1 of 5 .*cell_2\.png: .*quick") as caught:
        evaluate(config(json=str(path), report=str(page)))
    found = caught.value.report
    assert found.images == 4
    # What is warned of images that the run has seen counts those that were named.
    assert "no memory left to score it" in found.warnings[-1]
    left = [dataclasses.replace(one, warnings=[]) for one in (found, without_cell_2)]
    assert left[0] == left[1]
    assert path.read_text() == f"{found.to_json()}\n"
    assert "cell_2.png: the machine has no memory" in caplog.text
    named = set(re.findall("<b>(cell_[0-4])</b>: ", page.read_text()))
    assert named == {"cell_0", "cell_1", "cell_3", "cell_4"}


def test_without_memory_for_any_image_there_are_no_scores(config, discs, monkeypatch):
    def full(*_, **__):
        raise MemoryError

    monkeypatch.setattr(scores.BoundaryCounts, "add", full)
    with pytest.raises(ScoresError, match="all 5 files failed") as caught:
        evaluate(config(scores="quick"))
    assert caught.value.report is None
    one = {name: str(discs / name / "cell_0.png") for name in ("images", "masks")}
    with pytest.raises(ScoresError, match=r"cell_0\.png: .* into parts\.$"):
        evaluate(config(scores="quick", **one))
