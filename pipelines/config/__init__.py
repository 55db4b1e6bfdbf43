"""The settings of every verb: frozen dataclasses that check themselves.

A setting's default, help and bounds stand in its declaration and nowhere else. The
command line makes its flags from these classes, and a run keeps its `FitConfig` in
config.json.
"""

from pipelines.config.checking import CheckConfig
from pipelines.config.data import DataConfig, HoldOutConfig, MaskKind
from pipelines.config.fields import setting
from pipelines.config.fitting import DEFAULT_MINUTES, FitConfig, Precision
from pipelines.config.network import NetworkConfig, Variant
from pipelines.config.predicting import Output, PredictConfig
from pipelines.config.stream import (
    NO_AUGMENTATION,
    AugmentConfig,
    Scaling,
    StreamConfig,
    WeightConfig,
)
from pipelines.config.tiles import TilesConfig
from pipelines.config.verbs import (
    DemoConfig,
    DescribeConfig,
    Engine,
    EvaluateConfig,
    ExportConfig,
    SegmentConfig,
    ServeConfig,
)

__all__ = [
    "DEFAULT_MINUTES",
    "NO_AUGMENTATION",
    "AugmentConfig",
    "CheckConfig",
    "DataConfig",
    "DemoConfig",
    "DescribeConfig",
    "Engine",
    "EvaluateConfig",
    "ExportConfig",
    "FitConfig",
    "HoldOutConfig",
    "MaskKind",
    "NetworkConfig",
    "Output",
    "Precision",
    "PredictConfig",
    "Scaling",
    "SegmentConfig",
    "ServeConfig",
    "StreamConfig",
    "TilesConfig",
    "Variant",
    "WeightConfig",
    "setting",
]
