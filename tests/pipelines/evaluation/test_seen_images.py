import dataclasses

import pytest

from pipelines import run_folder
from pipelines.evaluation.seen_images import seen_images, seen_places


@pytest.fixture
def dataset(disc_set):
    return disc_set


@pytest.fixture(scope="module")
def record(run):
    return run_folder.load_record(run)


def test_images_of_training_and_validation_are_named(dataset, record):
    trained, validated = seen_images(dataset, record)
    assert trained.startswith("The run was trained on 4 of these 5 images (cell_0, ")
    assert validated.startswith("1 of these 5 images (cell_4) chose the threshold")


def test_images_that_the_run_has_not_seen_are_no_matter(dataset, record):
    other = dataclasses.replace(dataset.facts[0], image_digest="other", digest="other")
    unseen = dataclasses.replace(dataset.subset([0]), facts=(other,))
    assert seen_images(unseen, record) == []


def test_a_record_without_single_images_knows_the_whole_set(dataset):
    part = {"fingerprint": dataset.fingerprint}
    assert seen_places(dataset, part) == [0, 1, 2, 3, 4]
    assert seen_places(dataset.subset([0]), part) == []
