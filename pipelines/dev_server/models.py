"""The model manager, one for all transports: which models there are, watched."""

import logging
import threading
from collections.abc import Callable, Iterable
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
        # Which models, versions and labels there are to be changes at once; loading
        # takes its time.
        self._configuring = threading.Lock()
        self._loading = threading.Lock()
        self._closed = threading.Event()
        self._threads: list[threading.Thread] = []
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
        """Loads what is to be served, then watches in threads.

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
        # Two, so that a label is moved back while another version is still loaded.
        for look in (self._poll_config_file, self._poll_folders):
            thread = threading.Thread(target=self._watch, args=(look,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def close(self, seconds: float = 1.0) -> None:
        """Ends the watching; a load that takes longer is left to itself."""
        self._closed.set()
        for thread in self._threads:
            thread.join(seconds)

    def poll(self) -> None:
        """Brings what is loaded in line with the configuration file and the folders."""
        self._poll_config_file()
        self._poll_folders()

    def reload(self, configs: Iterable[ModelConfig]) -> None:
        """Serves these models from now on and no others; returns once they are loaded.

        Raises:
            ServingError: a model has no version that loads; the others are served.
        """
        with self._configuring:
            self._set_models(configs)
            served = list(self._models.values())
        self._poll_folders()
        for model in served:
            model.model()

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
        self._known = {**self._known, **models}
        self._models = models

    def _poll_config_file(self) -> None:
        if self._config_text is None:
            return
        with self._configuring:
            try:
                text = self.source.read_bytes()
                if text != self._config_text:
                    self._config_text = text
                    self._set_models(read_config_file(self.source))
            except (OSError, ValueError) as error:
                _LOGGER.error("The models stay as they were: %s", error)

    def _poll_folders(self) -> None:
        with self._loading:
            models, known = self._models, self._known
            for name in set(known) - set(models):
                known[name].unload()
            for served in models.values():
                served.poll()

    def _watch(self, look: Callable[[], None]) -> None:
        while not self._closed.wait(POLL_SECONDS):
            try:
                look()
            except Exception:  # a fault of this server; the next look may do
                _LOGGER.exception("Could not look for what has changed")
