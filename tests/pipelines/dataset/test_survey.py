import numpy as np
import pytest

from pipelines.config import DataConfig
from pipelines.dataset import Dataset
from pipelines.dataset import survey as surveys
from pipelines.dataset.mask_values import MaskCoding
from pipelines.dataset.survey import survey


@pytest.fixture
def config(folders):
    return lambda **settings: DataConfig(**folders, **settings)


def test_every_fault_of_every_file_is_found(write_pair, config, tmp_path):
    for name in "abcde":
        write_pair(f"{name}.png", [[0, 255, 255, 255]])
    (tmp_path / "images" / "b.png").write_bytes(b"")
    (tmp_path / "masks" / "c.png").unlink()
    (tmp_path / "masks" / "d.png").write_bytes(b"")
    found = survey(config())
    assert [pair.image.stem for pair in found.pairs] == ["a", "e"]
    assert found.pairs_found == 4 and len(found.facts) == 2
    assert found.coding == MaskCoding("binary", 255, 2)
    told = [finding.file.removeprefix(f"{tmp_path}/") for finding in found.findings]
    assert told == ["images/c.png", "images/b.png", "masks/d.png"]


@pytest.mark.parametrize("threads", [1, 3])
def test_the_order_of_pairs_does_not_depend_on_threads(
    write_pair, config, threads, monkeypatch
):
    monkeypatch.setattr(surveys, "MOST_THREADS", threads)
    for number in range(9):
        write_pair(f"{number}.png", [[0] * number + [1] * (9 - number)])
    found = survey(config())
    assert [facts.mask_counts[1] for facts in found.facts] == list(range(9, 0, -1))


def test_settings_of_names_and_values_are_followed(write_pair, config, tmp_path):
    write_pair("x1.png", [[0, 0, 7, 7, 9, 9]])
    found = survey(
        config(image_prefix="x", mask_prefix="x", ignore_value=9, mask_kind="binary")
    )
    assert found.coding == MaskCoding("binary", 7, 2, (), 9)
    assert not found.findings


def test_colours_are_followed_in_masks_that_are_grey_too(write_pair, config):
    red = np.zeros((1, 6, 3), "uint8")
    red[0, :3, 0] = 255
    write_pair("a.png", red)
    write_pair("b.png", [[255, 255, 255, 0, 0, 0]])
    colours = ("000000", "FF0000", "FFFFFF")
    found = survey(config(class_colours=colours))
    assert found.coding == MaskCoding("classes", None, 3, colours)
    counts = Dataset(found.pairs, found.facts, found.coding).class_counts()
    np.testing.assert_array_equal(counts, [[3, 3, 0], [3, 0, 3]])


def test_grey_ids_with_gaps_are_numbered_anew_by_colours(write_pair, config):
    write_pair("a.png", [[0, 0, 10, 10, 20, 255]])
    colours = ("000000", "0A0A0A", "141414")
    found = survey(config(class_colours=colours, ignore_value=0xFFFFFF))
    assert not found.findings
    dataset = Dataset(found.pairs, found.facts, found.coding)
    np.testing.assert_array_equal(dataset.class_counts(), [[2, 2, 1]])
    np.testing.assert_array_equal(dataset.mask(0), [[0, 0, 1, 1, 2, 255]])


def test_a_run_says_what_the_settings_leave_open(write_pair, config):
    write_pair("a.png", np.zeros((1, 2, 3)))
    known = MaskCoding("classes", None, 2, ("000000", "FF0000"), 0x0000FF)
    assert survey(config(mask_kind="classes"), known=known).coding == known


def test_without_a_readable_mask_there_is_no_coding(write_pair, config, tmp_path):
    write_pair("a.png", [[0, 1]])
    (tmp_path / "masks" / "a.png").write_bytes(b"")
    found = survey(config())
    assert found.coding is None and found.pairs == ()
    assert len(found.findings) == 1


def test_names_of_other_classes_are_a_finding_but_not_of_masks_of_a_run(
    write_pair, config
):
    write_pair("a.png", [[0, 1, 2]])
    settings = config(mask_kind="classes", class_names=("sky", "sea", "ice", "sun"))
    (found,) = survey(settings).findings
    assert "gives 4 names" in found.message and "3 classes" in found.message
    # Of its classes these masks may show fewer.
    known = MaskCoding("classes", None, 4)
    assert survey(settings, known=known).findings == ()
