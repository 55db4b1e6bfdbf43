"""One SavedModel, loaded and run the way TensorFlow Serving does it.

The server runs the graph in a session: it feeds the signature's input tensors and
fetches its output tensors. `tf.saved_model.load` would restore Python objects instead,
and so hide what fails on the server (variables that the graph refers to and the
export lost), refuse shapes that the server feeds, and word its errors otherwise.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from pipelines.dev_server.errors import Code, ServingError

DEFAULT_SIGNATURE = "serving_default"
LONGEST_TIMEOUT = 1e9
_TAG = "serve"
_RANK_OF_IMAGES = 4
_INITIALISER = "__saved_model_init_op"
# Where TensorFlow's C++ (and so the server's messages) and Python differ.
_TYPE_NAMES = {"float16": "half", "float32": "float", "float64": "double"}


def type_name(dtype: Any) -> str:
    """Returns what TensorFlow's C++ calls a dtype, "float" for float32."""
    name = tf.as_dtype(dtype).name
    return _TYPE_NAMES.get(name, name)


@dataclasses.dataclass(frozen=True)
class Input:
    """An input of a signature.

    Attributes:
        tensor: name of its tensor in the graph.
        dtype: TensorFlow's C++ name of its dtype.
        shape: sides, None for a free one; None for a free rank.
    """

    tensor: str
    dtype: str
    shape: tuple[int | None, ...] | None


@dataclasses.dataclass(frozen=True)
class Signature:
    """A signature: inputs by name, and the tensors of its outputs by name."""

    name: str
    inputs: dict[str, Input]
    outputs: dict[str, str]


class LoadedModel:
    """A SavedModel in a session of its own; `run` may be called from many threads.

    The session is closed when the last reference is gone, so that a request under way
    ends on the version it began with.

    Args:
        folder: the version folder, which holds saved_model.pb.

    Attributes:
        signature_defs: the export's SignatureDef messages by name.

    Raises:
        ServingError: its variables or tables cannot be read.
        Exception: whatever else is wrong with a SavedModel that does not load.
    """

    def __init__(self, folder: Path) -> None:
        meta_graph = _meta_graph(folder)
        self.signature_defs = dict(meta_graph.signature_def)
        self._signatures = {
            name: _signature(name, definition)
            for name, definition in self.signature_defs.items()
        }
        graph = tf.Graph()
        self._session = tf.compat.v1.Session(graph=graph)
        with graph.as_default():
            # The server checks no shapes before the graph does. A Python session
            # compares with the placeholder's, so placeholders of any shape are put
            # in the places of the export's.
            self._feeds = {
                info.name: tf.compat.v1.placeholder(info.dtype)
                for definition in self.signature_defs.values()
                for info in definition.inputs.values()
                if info.name
            }
            saver = tf.compat.v1.train.import_meta_graph(
                meta_graph, clear_devices=True, input_map=self._feeds
            )
            try:
                _restore(self._session, saver, meta_graph, folder)
            except tf.errors.OpError as error:
                raise _serving_error(error) from error

    def signature(self, name: str) -> Signature:
        """Returns a signature, "" for the default one.

        Raises:
            ServingError: there is no such signature.
        """
        name = name or DEFAULT_SIGNATURE
        if name not in self._signatures:
            raise ServingError(
                f'Serving signature name: "{name}" not found in signature def'
            )
        return self._signatures[name]

    def run(
        self,
        signature: Signature,
        arrays: Mapping[str, np.ndarray],
        outputs: Sequence[str] | None = None,
        timeout: float | None = None,
    ) -> dict[str, np.ndarray]:
        """Runs a signature.

        Args:
            signature: one of this model's.
            arrays: an array for each input; strings as an object array of bytes.
            outputs: names of the outputs that are wanted; all, if not given.
            timeout: seconds after which it is given up; None for never.

        Returns:
            The outputs by name, in the order of `outputs`, or of their names.

        Raises:
            ServingError: an input is of another dtype or of too low a rank, or the
                graph failed.
        """
        _check_inputs(signature, arrays)
        feeds = {
            self._feeds[signature.inputs[name].tensor]: array
            for name, array in arrays.items()
        }
        names = sorted(signature.outputs) if outputs is None else outputs
        try:
            values = self._session.run(
                [signature.outputs[name] for name in names], feeds, _options(timeout)
            )
        except tf.errors.OpError as error:
            raise _serving_error(error) from error
        return dict(zip(names, map(_array, values), strict=True))


def _array(value: Any) -> np.ndarray:
    # A session gives a string without dimensions as Python's bytes.
    return np.asarray(value, object if isinstance(value, bytes) else None)


def _meta_graph(folder: Path) -> Any:
    saved_model = saved_model_pb2.SavedModel()
    saved_model.ParseFromString((folder / "saved_model.pb").read_bytes())
    for meta_graph in saved_model.meta_graphs:
        if set(meta_graph.meta_info_def.tags) == {_TAG}:
            return meta_graph
    raise ValueError(
        f"Could not find meta graph def matching supplied tags: {{ {_TAG} }} in "
        f"{folder}; export the model with the tag {_TAG!r}."
    )


def _restore(session: Any, saver: Any, meta_graph: Any, folder: Path) -> None:
    """Brings the graph into the state of the export: variables and tables."""
    # Without the files the server loads too, and every request fails: why versions
    # are published by renaming whole folders.
    if saver is not None and (folder / "variables" / "variables.index").is_file():
        saver.restore(session, str(folder / "variables" / "variables"))
    initialiser = meta_graph.signature_def.get(_INITIALISER)
    if initialiser is not None:
        assets = {
            asset.tensor_info.name: str(folder / "assets" / asset.filename)
            for asset in meta_graph.asset_file_def
        }
        operation = initialiser.outputs[_INITIALISER].name
        session.run(session.graph.get_operation_by_name(operation), assets)


def _signature(name: str, definition: Any) -> Signature:
    inputs = {
        alias: Input(info.name, type_name(info.dtype), _shape(info.tensor_shape))
        for alias, info in sorted(definition.inputs.items())
    }
    outputs = {alias: info.name for alias, info in definition.outputs.items()}
    return Signature(name, inputs, outputs)


def _shape(shape: Any) -> tuple[int | None, ...] | None:
    if shape.unknown_rank:
        return None
    return tuple(None if side.size < 0 else side.size for side in shape.dim)


def _check_inputs(signature: Signature, arrays: Mapping[str, np.ndarray]) -> None:
    for index, (name, array) in enumerate(arrays.items()):
        info = signature.inputs[name]
        dtype = "string" if array.dtype == object else type_name(array.dtype)
        if dtype != info.dtype:
            raise ServingError(
                f"Expects arg[{index}] to be {info.dtype} but {dtype} is provided"
            )
        # The only request that is refused here and not by TensorFlow Serving: images
        # of too low a rank can end the process inside of a convolution (an export that
        # begins with tf.ensure_shape answers 400 there too, in these words). Any other
        # rank is left to the graph, as TensorFlow Serving does.
        if info.shape and array.ndim < len(info.shape) >= _RANK_OF_IMAGES:
            sides = ",".join("?" if side is None else str(side) for side in info.shape)
            raise ServingError(
                f"Shape of tensor {name} [{','.join(map(str, array.shape))}] is not "
                f"compatible with expected shape [{sides}]."
            )


def _options(timeout: float | None) -> Any:
    # A call without a deadline has one in thousands of years.
    if timeout is None or timeout > LONGEST_TIMEOUT:
        return None
    return tf.compat.v1.RunOptions(timeout_in_ms=max(1, round(1000 * timeout)))


def _serving_error(error: Any) -> ServingError:
    # The words of the C++ runtime, without those that Python's session adds.
    original = error.__context__
    cause = original if isinstance(original, tf.errors.OpError) else error
    return ServingError(cause.message, Code(error.error_code))
