"""What all tests share."""

import os
import pathlib

import numpy as np
import pytest

# Warnings of TensorFlow's C++ side would drown the report.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

ROOT = pathlib.Path(__file__).parent.parent


@pytest.fixture(scope="session")
def real_data() -> pathlib.Path:
    """The folder of real data sets (isbi2012/, u373/, dsb2018_fluo/)."""
    folder = pathlib.Path(
        os.environ.get("KERAS_UNET_TEST_DATA", ROOT.parent / "shared" / "data")
    )
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set KERAS_UNET_TEST_DATA")
    return folder


@pytest.fixture
def random() -> np.random.Generator:
    """A generator that draws the same numbers in every run."""
    return np.random.default_rng(seed=0)
