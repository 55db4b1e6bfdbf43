"""A model as its signatures describe it: what malformed requests are held against."""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

VERSION = 1
# What is no fault: an answered request, and one that the graph may refuse.
GOOD = "none"
GRAPH = "for the graph to find"
BOMB = "image that promises a huge one"


@dataclasses.dataclass(frozen=True)
class Signature:
    """Inputs as (dtype, sides) by name, names of outputs, and whether it is called."""

    inputs: dict[str, tuple[str, list[int] | None]]
    outputs: set[str]
    has_method: bool


@dataclasses.dataclass(frozen=True)
class Served:
    """A model as version 1, without labels.

    Attributes:
        name: of the model.
        signatures: by name.
        documents: of REST, that are answered.
        messages: of gRPC, that are answered.
        bombs: documents and messages with images that are not to be unpacked.
        checks_shapes: signatures refuse other shapes than their own, as exports do.
    """

    name: str
    signatures: dict[str, Signature]
    documents: Sequence[dict[str, Any]]
    messages: Sequence[Any]
    bombs: Sequence[Any]
    checks_shapes: bool

    def kind(self, sent: Any) -> str:
        """Returns what a document or message without faults is."""
        if sent in (self.documents if isinstance(sent, dict) else self.messages):
            return GOOD
        is_bomb = any(type(one) is type(sent) and one == sent for one in self.bombs)
        return BOMB if is_bomb else GRAPH


def read_signatures(version: pathlib.Path) -> dict[str, Signature]:
    """Returns the signatures of a SavedModel by name."""
    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString((version / "saved_model.pb").read_bytes())
    (graph,) = saved.meta_graphs
    return {
        name: Signature(
            {key: _input(info) for key, info in definition.inputs.items()},
            set(definition.outputs),
            bool(definition.method_name),
        )
        for name, definition in graph.signature_def.items()
    }


def _input(info: Any) -> tuple[str, list[int] | None]:
    shape = info.tensor_shape
    sides = None if shape.unknown_rank else [side.size for side in shape.dim]
    return tf.as_dtype(info.dtype).name, sides


def fit(shapes: Mapping[str, tuple[int, ...]], signature: Signature) -> bool:
    """Tells whether arrays have the ranks and sides of a signature's inputs."""
    return all(
        sides is None
        or len(sides) == len(shapes[name])
        and all(
            one in (-1, other) for one, other in zip(sides, shapes[name], strict=True)
        )
        for name, (_, sides) in signature.inputs.items()
    )
