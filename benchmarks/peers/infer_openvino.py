"""The same net in OpenVINO, from PyTorch's ONNX file, in bfloat16."""

import onnx_file
import openvino
import pass_clock

given = pass_clock.arguments()
core = openvino.Core()
model = core.compile_model(
    core.read_model(onnx_file.exported(given.base_filters)),
    "CPU",
    {"INFERENCE_PRECISION_HINT": "bf16", "PERFORMANCE_HINT": "LATENCY"},
)
image = pass_clock.image().transpose(2, 0, 1)[None]
pass_clock.count_passes(lambda: model({"image": image})[0], given.seconds)
