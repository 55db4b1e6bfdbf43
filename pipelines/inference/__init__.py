"""A trained net, made ready to be used only: folded, and in a precision."""

from pipelines.inference.inference_precision import in_precision, inference_net
from pipelines.inference.keras_policy import policy
from pipelines.inference.norm_folding import fold_batch_norm

__all__ = ["fold_batch_norm", "in_precision", "inference_net", "policy"]
