import dataclasses
import gc
import shutil
import weakref

import numpy as np
import pytest
import tensorflow as tf

from pipelines.dev_server.errors import Code, ServingError
from pipelines.dev_server.saved_model import LoadedModel, type_name


@pytest.fixture(scope="module")
def toy(toy_folder):
    return LoadedModel(toy_folder / "1")


def test_signature_tells_dtype_and_shape(toy):
    (image,) = toy.signature("convolve").inputs.values()
    assert (image.dtype, image.shape) == ("float", (None, None, None, 1))
    assert toy.signature("echo_float16").inputs["x"].dtype == "half"
    assert toy.signature("").name == "serving_default"


def test_outputs_come_in_the_order_of_their_names(toy):
    arrays = {"a": np.array([1.5], np.float32), "b": np.array([2], np.int32)}
    outputs = toy.run(toy.signature("two"), arrays)
    assert list(outputs) == ["b", "sum"]
    np.testing.assert_array_equal(outputs["sum"], [3.5])


def test_outputs_without_dimensions_are_arrays(toy):
    words = np.array([b"a", b"b"], object)
    text = toy.run(toy.signature("join"), {"x": words})["text"]
    assert (text.shape, text.dtype, text.item()) == ((), object, b"ab")
    numbers = np.ones(3, np.float32)
    assert toy.run(toy.signature("no_batch"), {"x": numbers})["total"].shape == ()


def test_only_images_of_too_low_a_rank_are_kept_from_the_graph(toy):
    # Signature: (None, 2).
    row = toy.run(toy.signature(""), {"x": np.ones(2, np.float32)})["y"]
    np.testing.assert_array_equal(row, [2, 2])
    # Another graph than a convolution, which need not refuse too many dimensions.
    echo = toy.signature("echo_float32")
    image = dataclasses.replace(echo.inputs["x"], shape=(None, None, None, 1))
    declared = dataclasses.replace(echo, inputs={"x": image})
    volume = np.zeros((1, 1, 8, 8, 1), np.float32)
    assert toy.run(declared, {"x": volume})["y"].shape == volume.shape


@pytest.mark.parametrize("shape", [(), (8,), (8, 8), (8, 8, 1)])
def test_too_low_a_rank_never_reaches_a_convolution(toy, shape):
    with pytest.raises(ServingError, match=r"expected shape \[\?,\?,\?,1\]") as raised:
        toy.run(toy.signature("convolve"), {"image": np.zeros(shape, np.float32)})
    assert raised.value.code == Code.INVALID_ARGUMENT


def test_failure_of_the_graph_keeps_its_code_and_words(toy):
    image = np.zeros((1, 2, 2, 3), np.float32)
    np.testing.assert_array_equal(
        toy.run(toy.signature("convolve"), {"image": image[..., :1]})["mask"],
        image[..., :1],
    )
    two_columns = {"a": np.zeros(2, np.float32), "b": np.zeros(3, np.int32)}
    with pytest.raises(ServingError, match="^INVALID_ARGUMENT: ") as raised:
        toy.run(toy.signature("two"), two_columns)
    assert raised.value.message.startswith("Incompatible shapes")


def test_model_whose_variables_are_missing_loads_and_fails_as_there(
    toy_folder, tmp_path
):
    shutil.copy(toy_folder / "1" / "saved_model.pb", tmp_path)
    model = LoadedModel(tmp_path)
    with pytest.raises(ServingError, match="Could not find variable"):
        model.run(model.signature(""), {"x": np.zeros((1, 2), np.float32)})


def test_tables_are_filled_from_the_assets_of_the_export(tmp_path):
    (tmp_path / "classes.txt").write_text("cell\nnucleus\n")
    module = tf.Module()
    module.path = tf.saved_model.Asset(str(tmp_path / "classes.txt"))
    lines = tf.lookup.TextFileInitializer(
        module.path,
        tf.string,
        tf.lookup.TextFileIndex.WHOLE_LINE,
        tf.int64,
        tf.lookup.TextFileIndex.LINE_NUMBER,
    )
    module.table = tf.lookup.StaticHashTable(lines, default_value=-1)
    spec = tf.TensorSpec((None,), tf.string, name="name")
    look_up = tf.function(lambda name: {"id": module.table.lookup(name)})
    signature = look_up.get_concrete_function(name=spec)
    tf.saved_model.save(module, str(tmp_path / "1"), signatures=signature)
    (tmp_path / "classes.txt").unlink()
    model = LoadedModel(tmp_path / "1")
    names = np.array([b"nucleus", b"other"], object)
    outputs = model.run(model.signature(""), {"name": names})
    assert outputs["id"].tolist() == [1, -1]


def test_folder_without_the_tag_serve_does_not_load(tmp_path):
    (tmp_path / "saved_model.pb").touch()
    with pytest.raises(ValueError, match="serve"):
        LoadedModel(tmp_path)


def test_model_is_freed_with_its_last_reference(toy_folder):
    model = LoadedModel(toy_folder / "1")
    model.run(model.signature(""), {"x": np.zeros((1, 2), np.float32)})
    gone = weakref.ref(model)
    session = weakref.ref(model._session)
    del model
    gc.collect()
    assert gone() is None
    assert session() is None


def test_dtypes_have_their_names_in_messages():
    assert type_name(tf.float32) == "float"
    assert type_name(np.dtype("float64")) == "double"
    assert type_name(tf.uint8) == "uint8"
