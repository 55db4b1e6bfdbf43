"""`segment`: sends images through running servers, masks come back.

The servers may be TensorFlow Serving or the development server, over REST (`rest`) or
gRPC (`grpc_server`), one or several (`pool`). TensorFlow is loaded only for gRPC and
for images that are cut into regions.
"""

from pipelines.client.one_image import segment_array, segment_image
from pipelines.client.segmenting import segment

__all__ = ["segment", "segment_array", "segment_image"]
