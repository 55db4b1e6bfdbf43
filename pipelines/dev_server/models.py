"""The model manager, one for all transports: which models there are, watched."""

import logging
import threading
from collections.abc import Iterable
from pathlib import Path

from pipelines.dev_server.errors import ServingError
from pipelines.dev_server.model_config import ModelConfig, of_folder, read_config_file
from pipelines.dev_server.saved_model import LoadedModel
from pipelines.dev_server.served_model import (
    ServedModel,
    VersionStatus,
    not_servable,
    unknown_label,
    unknown_model,
)

_LOGGER = logging.getLogger(__name__)
# TensorFlow Serving's --file_system_poll_wait_seconds.
POLL_SECONDS = 1.0


class ModelManager:
    """Serves models, and looks once a second for what has changed.

    Args:
        source: folder saved_models/NAME, or a model configuration file of TensorFlow
            Serving, which is read again when it changes.

    Raises:
        ValueError: the configuration file cannot be read.
    """

    def __init__(self, source: Path) -> None:
        self.source = source.absolute()
        self._config_text: bytes | None = None
        self._models: dict[str, ServedModel] = {}
        # Also those that were removed: their states are told, and their numbers stay
        # used, as TensorFlow Serving's.
        self._known: dict[str, ServedModel] = {}
        # Of changes: those of the watching thread and those that a request asks for.
        self._changing = threading.Lock()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        if self.source.is_file():
            self._config_text = self.source.read_bytes()
            self._set_models(read_config_file(self.source))
        else:
            self._set_models([of_folder(self.source)])

    @property
    def names(self) -> list[str]:
        """The models' names."""
        return list(self._models)

    def start(self) -> None:
        """Loads what is to be served, then watches in a thread.

        Raises:
            ValueError: a model has no version, or none that loads.
        """
        self.poll()
        for served in self._models.values():
            try:
                served.model()
            except ServingError:
                reasons = "; ".join(served.errors())
                raise ValueError(
                    f"No version of {served.config.base_path} can be served: "
                    f"{reasons or 'it has no folder NUMBER with a saved_model.pb'}. "
                    "Export the model again, which adds a version."
                ) from None
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the watching."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def poll(self) -> None:
        """Brings what is loaded in line with the configuration file and the folders."""
        with self._changing:
            self._poll_config_file()
            for served in list(self._models.values()):
                served.poll()

    def reload(self, configs: Iterable[ModelConfig]) -> None:
        """Serves these models from now on and no others; returns once they are loaded.

        Raises:
            ServingError: a model has no version that loads.
        """
        with self._changing:
            self._set_models(configs)
            for served in list(self._models.values()):
                served.poll()
                served.model()

    def statuses(self, name: str, version: int | None = None) -> list[VersionStatus]:
        """Returns the status of one version or of all, newest first.

        Raises:
            ServingError: there is no such model or version.
        """
        served = self._known.get(name)
        if served is None:
            raise unknown_model(name, version)
        return served.statuses(version)

    def model(
        self, name: str, version: int | None = None, label: str | None = None
    ) -> tuple[int, LoadedModel]:
        """Returns (version, model) of an available version, by default the newest.

        Raises:
            ServingError: there is no such model, version or label, or it is not
                available.
        """
        served = self._models.get(name)
        if served is None:
            raise not_servable(name, version) if label is None else unknown_label(label)
        return served.model(version, label)

    def _set_models(self, configs: Iterable[ModelConfig]) -> None:
        models = {}
        for config in configs:
            served = self._known.get(config.name) or ServedModel(config)
            served.config = config
            models[config.name] = served
        removed = set(self._models) - set(models)
        self._known = {**self._known, **models}
        self._models = models
        for name in removed:
            self._known[name].unload()

    def _poll_config_file(self) -> None:
        if self._config_text is None:
            return
        try:
            text = self.source.read_bytes()
            if text != self._config_text:
                self._config_text = text
                self._set_models(read_config_file(self.source))
        except (OSError, ValueError) as error:
            _LOGGER.error("The models stay as they were: %s", error)

    def _watch(self) -> None:
        while not self._closed.wait(POLL_SECONDS):
            try:
                self.poll()
            except OSError as error:
                # A folder that is moved while it is read is read again at the next
                # poll; what is loaded stays.
                _LOGGER.warning("Could not read %s: %s", self.source, error)
