"""The model manager: watches one base path and keeps its newest version loaded.

It holds for every transport. States are TensorFlow Serving's: START, LOADING,
AVAILABLE, UNLOADING, END; old versions stay listed as END.
"""

import dataclasses
import gc
import logging
import threading
from pathlib import Path

from pipelines.dev_server.errors import Code, ServingError
from pipelines.dev_server.saved_model import LoadedModel
from pipelines.dev_server.versions import published_versions

_LOGGER = logging.getLogger(__name__)
# TensorFlow Serving's --file_system_poll_wait_seconds.
POLL_SECONDS = 1.0


@dataclasses.dataclass(frozen=True)
class VersionStatus:
    """What is known of a version.

    Attributes:
        version: its number.
        state: START, LOADING, AVAILABLE, UNLOADING or END.
        error_code: "OK", or the name of a `Code` for a version that did not load.
        error_message: why it did not load.
    """

    version: int
    state: str
    error_code: str = "OK"
    error_message: str = ""


class ModelManager:
    """Serves the newest version of one model.

    A newer version is loaded before the older one is unloaded. One that does not load
    is listed as END with its error while the older one stays; its number is not tried
    again (TensorFlow Serving tries five times more, a minute apart).

    Args:
        base_path: folder saved_models/NAME; its name is the model's.
    """

    def __init__(self, base_path: Path) -> None:
        self.base_path = base_path.resolve()
        self.name = self.base_path.name
        self._statuses: dict[int, VersionStatus] = {}
        self._models: dict[int, LoadedModel] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Loads the newest version, then watches the folder in a thread.

        Raises:
            ValueError: there is no version, or the newest one does not load.
        """
        self.poll()
        if not self._models:
            reasons = "; ".join(
                status.error_message for status in self._statuses.values()
            )
            raise ValueError(
                f"No version of {self.base_path} can be served: "
                f"{reasons or 'it has no folder NUMBER with a saved_model.pb'}. "
                "Export the model again, which adds a version."
            )
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the watching."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def poll(self) -> None:
        """Brings what is loaded in line with the folder.

        Called by one thread only: by `start`, then by the watching one.
        """
        versions = published_versions(self.base_path)
        if not versions:
            self._unload_all_but(None)
            return
        newest = max(versions)
        if newest in self._models:
            return
        status = self._statuses.get(newest)
        if status is None or status.error_code == "OK":
            self._load(newest, versions[newest])

    def statuses(self, name: str, version: int | None = None) -> list[VersionStatus]:
        """Returns the status of one version or of all, newest first.

        Raises:
            ServingError: there is no such model or version.
        """
        with self._lock:
            known = dict(self._statuses) if name == self.name else {}
        if not known:
            raise ServingError(
                f"Could not find any versions of model {name}", Code.NOT_FOUND
            )
        if version is None:
            return [known[number] for number in sorted(known, reverse=True)]
        if version not in known:
            raise ServingError(
                f"Could not find version {version} of model {name}", Code.NOT_FOUND
            )
        return [known[version]]

    def model(self, name: str, version: int | None = None) -> tuple[int, LoadedModel]:
        """Returns (version, model) of an available version, by default the newest.

        Raises:
            ServingError: there is no such model or version, or it is not available.
        """
        with self._lock:
            loaded = self._models if name == self.name else {}
            number = max(loaded, default=None) if version is None else version
            if number is not None and number in loaded:
                return number, loaded[number]
        wanted = (
            f"Latest({name})" if version is None else f"Specific({name}, {version})"
        )
        raise ServingError(f"Servable not found for request: {wanted}", Code.NOT_FOUND)

    def _watch(self) -> None:
        while not self._closed.wait(POLL_SECONDS):
            try:
                self.poll()
            except OSError as error:
                # A folder that is moved while it is read is read again at the next
                # poll; what is loaded stays.
                _LOGGER.warning("Could not read %s: %s", self.base_path, error)

    def _load(self, version: int, folder: Path) -> None:
        self._set(VersionStatus(version, "START"))
        self._set(VersionStatus(version, "LOADING"))
        try:
            model = LoadedModel(folder)
        except Exception as error:  # whatever it is, the older version must stay
            _LOGGER.error(
                "Version %d of %s did not load: %s", version, self.name, error
            )
            self._set(VersionStatus(version, "END", "UNKNOWN", str(error)))
            return
        with self._lock:
            self._models[version] = model
            self._statuses[version] = VersionStatus(version, "AVAILABLE")
        _LOGGER.info("Version %d of %s is available.", version, self.name)
        self._unload_all_but(version)

    def _unload_all_but(self, kept: int | None) -> None:
        old = [version for version in self._models if version != kept]
        for version in old:
            self._set(VersionStatus(version, "UNLOADING"))
            with self._lock:
                del self._models[version]
                self._statuses[version] = VersionStatus(version, "END")
            _LOGGER.info("Version %d of %s is unloaded.", version, self.name)
        if old:
            # Graph and session refer to each other: freed here, not some time later.
            gc.collect()

    def _set(self, status: VersionStatus) -> None:
        with self._lock:
            self._statuses[status.version] = status
