"""The same net in ONNX Runtime, from PyTorch's ONNX file, in float32."""

import onnx_file
import onnxruntime
import pass_clock

given = pass_clock.arguments()
session = onnxruntime.InferenceSession(
    onnx_file.exported(given.base_filters), providers=["CPUExecutionProvider"]
)
image = pass_clock.image().transpose(2, 0, 1)[None]
pass_clock.count_passes(lambda: session.run(None, {"image": image})[0], given.seconds)
