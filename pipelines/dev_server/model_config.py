"""Which models a server serves: one folder, or TensorFlow Serving's configuration file.

The file is a `ModelServerConfig` in protobuf's text format: names, base paths, which
versions, and labels for versions. TensorFlow is not needed.
"""

import dataclasses
import os
from pathlib import Path
from typing import Any

from pipelines.dev_server.errors import ServingError


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """A model that is served.

    Attributes:
        name: in addresses.
        base_path: folder that holds its versions, absolute.
        latest: how many of the newest versions are served; None for all.
        specific: the versions that are served, instead of the newest.
        labels: names for versions, for example {"stable": 1}.
    """

    name: str
    base_path: Path
    latest: int | None = 1
    specific: frozenset[int] = frozenset()
    labels: dict[str, int] = dataclasses.field(default_factory=dict)

    def wanted(self, published: set[int]) -> set[int]:
        """Returns those of the published versions that are to be served."""
        if self.specific:
            return published & self.specific
        newest = sorted(published, reverse=True)
        return set(newest[: self.latest])


def of_folder(folder: Path) -> ModelConfig:
    """Returns the settings for saved_models/NAME: its newest version, as NAME."""
    # Not resolved: a link saved_models/current is served as `current`.
    folder = Path(os.path.abspath(folder))
    return ModelConfig(folder.name, folder)


def read_config_file(path: Path) -> list[ModelConfig]:
    """Reads a configuration file.

    Raises:
        ValueError: the file is missing, is not a configuration, or names nothing that
            can be served; says what.
    """
    from google.protobuf import text_format
    from tensorflow_serving.config import model_server_config_pb2

    try:
        message = text_format.Parse(
            path.read_text(), model_server_config_pb2.ModelServerConfig()
        )
        return from_message(message)
    except (OSError, UnicodeDecodeError, text_format.ParseError) as error:
        raise ValueError(
            f"{path}: expected a model configuration file of TensorFlow Serving "
            "(model_config_list { config { name base_path model_platform } }): "
            f"{str(error).rstrip('.')}."
        ) from error
    except ServingError as error:
        raise ValueError(f"{path}: {error.message}.") from error


def from_message(message: Any) -> list[ModelConfig]:
    """Returns the models of a `ModelServerConfig`.

    Raises:
        ServingError: it names none, a name twice, a base path that is not absolute, or
            no platform.
    """
    configs = [_config(entry) for entry in message.model_config_list.config]
    names = [config.name for config in configs]
    if not configs:
        raise ServingError("Expected a model_config_list that names a model")
    if len(set(names)) < len(names):
        raise ServingError(f"Illegal to list a model twice: {', '.join(names)}")
    return configs


def _config(entry: Any) -> ModelConfig:
    if not entry.name or not Path(entry.base_path).is_absolute():
        raise ServingError(
            f"Expected model {entry.name} to have an absolute path or URI; got "
            f"base_path={entry.base_path}"
        )
    if not (entry.model_platform or entry.model_type):
        raise ServingError(
            "Illegal setting neither ModelServerConfig::model_type (deprecated) nor "
            f'ModelServerConfig::model_platform; add model_platform: "tensorflow" to '
            f"{entry.name}"
        )
    policy = entry.model_version_policy
    latest: int | None = max(1, policy.latest.num_versions)
    return ModelConfig(
        entry.name,
        Path(entry.base_path),
        latest=None if policy.HasField("all") else latest,
        specific=frozenset(policy.specific.versions),
        labels=dict(entry.version_labels),
    )
