"""One served model: watches its base path and keeps the right versions loaded.

States are those of TensorFlow Serving's that last: LOADING, AVAILABLE and END; old
versions stay listed as END.
"""

import dataclasses
import gc
import logging
import threading
from pathlib import Path

from pipelines.dev_server.errors import Code, ServingError
from pipelines.dev_server.model_config import ModelConfig
from pipelines.dev_server.saved_model import LoadedModel
from pipelines.dev_server.warm_up import warm_up
from pipelines.export_layout import published_versions

_LOGGER = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class VersionStatus:
    """What is known of a version.

    Attributes:
        version: its number.
        state: LOADING, AVAILABLE or END.
        error_code: what kind of error kept it from loading.
        error_message: why it did not load.
    """

    version: int
    state: str
    error_code: Code = Code.OK
    error_message: str = ""


class ServedModel:
    """Serves versions of one model.

    A newer version is loaded, and warmed up, before the older one is unloaded. One
    that does not load is listed as END with its error while the older one stays; its
    number is not tried again (TensorFlow Serving tries five times more, a minute
    apart).

    Args:
        config: which folder and versions.
    """

    def __init__(self, config: ModelConfig) -> None:
        self.config = config
        self._statuses: dict[int, VersionStatus] = {}
        self._models: dict[int, LoadedModel] = {}
        self._unreadable = ""
        self._lock = threading.Lock()

    def poll(self) -> None:
        """Brings what is loaded in line with the folder; one caller at a time.

        A volume may be away for a moment, or unreadable; what is loaded stays then.
        """
        config = self.config
        try:
            published = published_versions(config.base_path)
            if not published and not config.base_path.is_dir():
                return
            self._unreadable = ""
        except OSError as error:
            if str(error) != self._unreadable:  # once, not every second
                _LOGGER.error("Could not read %s: %s", config.base_path, error)
            self._unreadable = str(error)
            return
        wanted = config.wanted(set(published))
        for version in sorted(wanted - set(self._models)):
            status = self._statuses.get(version)
            if status is None or status.error_code == Code.OK:
                self._load(version, published[version])
        if not wanted or wanted & set(self._models):
            self._unload(set(self._models) - wanted)

    def unload(self) -> None:
        """Unloads all versions."""
        self._unload(set(self._models))

    def errors(self) -> list[str]:
        """Returns why versions did not load, or why there are none."""
        with self._lock:
            statuses = list(self._statuses.values())
        reasons = [self._unreadable, *(status.error_message for status in statuses)]
        return list(filter(None, reasons))

    def statuses(self, version: int | None = None) -> list[VersionStatus]:
        """Returns the status of one version or of all, newest first.

        Raises:
            ServingError: there is no such version.
        """
        name = self.config.name
        with self._lock:
            known = dict(self._statuses)
        if not known or version not in (None, *known):
            raise unknown_model(name, version)
        if version is not None:
            return [known[version]]
        return [known[number] for number in sorted(known, reverse=True)]

    def model(
        self, version: int | None = None, label: str | None = None
    ) -> tuple[int, LoadedModel]:
        """Returns (version, model) of an available version, by default the newest.

        Raises:
            ServingError: there is no such version or label, or it is not available.
        """
        if label is not None:
            version = self.config.labels.get(label)
            if version is None:
                raise unknown_label(label)
        with self._lock:
            number = max(self._models, default=None) if version is None else version
            if number is not None and number in self._models:
                return number, self._models[number]
        raise not_servable(self.config.name, version)

    def _load(self, version: int, folder: Path) -> None:
        name = self.config.name
        self._set(VersionStatus(version, "LOADING"))
        try:
            model = _warm_model(folder)
        except Exception as error:  # whatever it is, the older version must stay
            code, message = _code_and_message(error)
        else:
            with self._lock:
                self._models[version] = model
                self._statuses[version] = VersionStatus(version, "AVAILABLE")
            _LOGGER.info("Version %d of %s is available.", version, name)
            return
        _LOGGER.error("Version %d of %s did not load: %s", version, name, message)
        self._set(VersionStatus(version, "END", code, message))
        # Graph and session refer to each other: freed here, not some time later.
        gc.collect()

    def _unload(self, versions: set[int]) -> None:
        for version in sorted(versions):
            with self._lock:
                del self._models[version]
                self._statuses[version] = VersionStatus(version, "END")
            _LOGGER.info("Version %d of %s is unloaded.", version, self.config.name)
        if versions:
            gc.collect()  # as above

    def _set(self, status: VersionStatus) -> None:
        with self._lock:
            self._statuses[status.version] = status


def unknown_model(name: str, version: int | None) -> ServingError:
    """Returns the error of a status request for what is not there."""
    what = "any versions" if version is None else f"version {version}"
    return ServingError(f"Could not find {what} of model {name}", Code.NOT_FOUND)


def unknown_label(label: str) -> ServingError:
    """Returns the error of a request for a label that no version has."""
    return ServingError(f"Unrecognized servable version label: {label}")


def not_servable(name: str, version: int | None) -> ServingError:
    """Returns the error of a request for what is not loaded."""
    wanted = f"Latest({name})" if version is None else f"Specific({name}, {version})"
    return ServingError(f"Servable not found for request: {wanted}", Code.NOT_FOUND)


def _warm_model(folder: Path) -> LoadedModel:
    model = LoadedModel(folder)
    warm_up(model, folder)
    return model


def _code_and_message(error: Exception) -> tuple[Code, str]:
    if isinstance(error, ServingError):
        return error.code, error.message
    return Code.UNKNOWN, str(error)
