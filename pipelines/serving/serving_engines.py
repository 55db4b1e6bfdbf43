"""Which server an exported model can be served with here, and its command line.

Nothing is started here but `docker info`, and TensorFlow is not needed.
"""

import dataclasses
import importlib.util
import os
import platform
import shutil
import socket
import subprocess
import sys
import urllib.parse
from pathlib import Path

from pipelines.config import Engine, ServeConfig
from pipelines.dev_server.model_config import read_config_file
from pipelines.export_layout import (
    published_versions,
    unloadable_newest,
    without_version,
)
from pipelines.serving.serving_commands import (
    IMAGE_VARIABLE,
    Source,
    bracketed,
    development_command,
    docker_command,
    program_command,
)

PROGRAM = "tensorflow_model_server"
# Names the program where it is not on PATH.
PROGRAM_VARIABLE = "TF_SERVING_BINARY"
SERVER = "TensorFlow Serving"
SERVER_IN_DOCKER = "TensorFlow Serving in Docker"
DEVELOPMENT = "the development server"
_DOCKER_SECONDS = 5.0
# What platform.machine() says where the image and its instructions run.
_IMAGE_MACHINES = ("x86_64", "amd64")


_DOCKER_HINT = (
    "If the image could not be pulled: it is at each start; without a network name one "
    f"that is there in the environment variable {IMAGE_VARIABLE}."
)


@dataclasses.dataclass(frozen=True)
class Launch:
    """A server that can be started.

    Attributes:
        engine: SERVER, SERVER_IN_DOCKER or DEVELOPMENT.
        reason: why this one.
        command: the program and its arguments.
        url: where the model answers, http://HOST:PORT/v1/models/NAME.
        grpc_url: where it answers over gRPC, grpc://HOST:PORT/NAME.
        is_open: it listens on every address of this machine.
        hint: what may help if it ends by itself.
    """

    engine: str
    reason: str
    command: tuple[str, ...]
    url: str
    grpc_url: str
    is_open: bool = False
    hint: str = ""


def plan_launch(config: ServeConfig) -> Launch:
    """Chooses the server and makes its command line; a port of 0 is a free one.

    Raises:
        ValueError: there is no version to serve, the engine is not available, or a
            port is taken.
    """
    source = served_source(Path(config.saved_model))
    engine, program, reason = choose_engine(config.engine)
    # TensorFlow Serving's own program listens on every address and takes no other.
    host = "0.0.0.0" if engine == SERVER else config.host
    rest_port, grpc_port = _checked_ports(config, host)
    if engine == DEVELOPMENT:
        command = development_command(program, source, host, rest_port, grpc_port)
    elif engine == SERVER:
        command = program_command(program, source, rest_port, grpc_port)
    else:
        command = docker_command(program, source, host, rest_port, grpc_port)
    is_open = host in ("0.0.0.0", "::")
    reachable = bracketed("127.0.0.1" if is_open else host)
    name = urllib.parse.quote(source.name)
    url = f"http://{reachable}:{rest_port}/v1/models/{name}"
    grpc_url = f"grpc://{reachable}:{grpc_port}/{name}"
    pulls = engine == SERVER_IN_DOCKER and IMAGE_VARIABLE not in os.environ
    hint = _DOCKER_HINT if pulls else ""
    return Launch(engine, reason, command, url, grpc_url, is_open, hint)


def served_source(path: Path) -> Source:
    """Returns what a folder saved_models/NAME or a model configuration file names.

    Raises:
        ValueError: it is neither, or holds no version.
    """
    if not path.is_file():
        folder = _checked_folder(path)
        return Source(folder.name, (folder,))
    configs = read_config_file(path)
    for config in configs:
        if not config.wanted(set(published_versions(config.base_path))):
            raise ValueError(
                f"{path}: {config.base_path}, the base path of {config.name}, holds "
                "none of the versions that are to be served; correct the file, or run "
                "`keras-unet export` first."
            )
        if config.latest is not None and not config.specific:
            _check_newest(config.base_path)
    folders = tuple(config.base_path for config in configs)
    # Where it is a link (as in a mounted ConfigMap), its target changes.
    return Source(configs[0].name, folders, path.absolute())


def choose_engine(engine: Engine) -> tuple[str, str, str]:
    """Returns (engine, its program, why it is taken).

    Raises:
        ValueError: the engine that is asked for is not available.
    """
    if engine == "development":
        return DEVELOPMENT, _development_program(), "it was asked for"
    program = _serving_program()
    if program:
        return SERVER, program, f"{program} is there"
    docker = _docker_program()
    if docker:
        return SERVER_IN_DOCKER, docker, f"{PROGRAM} is not on PATH, a Docker engine is"
    if engine == "tensorflow-serving":
        raise ValueError(
            f"TensorFlow Serving was not found: {PROGRAM} is not on PATH and no "
            f"Docker engine answers. Install one, set {PROGRAM_VARIABLE} to the "
            "program, or take the engine development."
        )
    reason = f"there is no {PROGRAM} on PATH and no Docker engine answers"
    return DEVELOPMENT, _development_program(), reason


def _serving_program() -> str | None:
    named = os.environ.get(PROGRAM_VARIABLE)
    found = shutil.which(named or PROGRAM)
    if named and not found:
        raise ValueError(
            f"{PROGRAM_VARIABLE} must name a program, got {named!r}, which cannot be "
            "run. Correct the environment variable or unset it."
        )
    return found


def _docker_program() -> str | None:
    """The client program, if an engine answers it: many machines have no engine."""
    program = shutil.which("docker")
    # On other processors the image would be emulated, without the instructions that
    # TensorFlow is built for.
    if program is None or platform.machine().lower() not in _IMAGE_MACHINES:
        return None
    try:
        answer = subprocess.run(
            [program, "info"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_DOCKER_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return program if answer.returncode == 0 else None


def _development_program() -> str:
    packages = ("starlette", "uvicorn")
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise ValueError(
            f"Serving needs {' and '.join(missing)} here; install it with "
            'pip install ".[serve]" in a clone of keras-unet.'
        )
    return sys.executable


def _checked_folder(path: Path) -> Path:
    # Not resolved: a link saved_models/current is served as `current`.
    folder = Path(os.path.abspath(path))
    if not folder.is_dir():
        raise ValueError(
            f"{path} is neither a folder nor a model configuration file; name an "
            "export's saved_models/NAME."
        )
    if not published_versions(folder):
        raise ValueError(without_version(path))
    _check_newest(folder)
    return folder


def _check_newest(folder: Path) -> None:
    newest = unloadable_newest(folder)
    if newest is not None:
        raise ValueError(
            f"{newest} holds no saved_model.pb, but by its number TensorFlow Serving "
            "takes it for the newest version, and then serves none. Remove it, or give "
            "it a name that is no number until it is whole."
        )


def _checked_ports(config: ServeConfig, host: str) -> tuple[int, int]:
    # The first is held while the second is chosen: else both may be one free port.
    with (
        _probe("rest_port", host, config.rest_port) as rest,
        _probe("grpc_port", host, config.grpc_port) as grpc,
    ):
        return rest.getsockname()[1], grpc.getsockname()[1]


def _probe(setting: str, host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    probe = socket.socket(family)
    # As servers do: the port of one that has just ended is free.
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind((host, port))
    except OSError as error:
        probe.close()
        raise ValueError(
            f"{setting} {port} on {host} is not available ({error.strerror}); name "
            "another port, or end the server that has it."
        ) from error
    return probe
