"""Overlap-tile prediction as TensorFlow ops, for the SavedModel."""

from pipelines.serving_graph.serving_graph import ServingGraph

__all__ = ["ServingGraph"]
