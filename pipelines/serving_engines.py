"""Which server an exported model can be served with here, and its command line.

Nothing is started here but `docker info`, and TensorFlow is not needed.
"""

import dataclasses
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import urllib.parse
from pathlib import Path

from pipelines.config import Engine, ServeConfig
from pipelines.dev_server.versions import published_versions

PROGRAM = "tensorflow_model_server"
# Names the program where it is not on PATH.
PROGRAM_VARIABLE = "TF_SERVING_BINARY"
# Names another image than this one: a pinned version, or your own.
IMAGE_VARIABLE = "TF_SERVING_IMAGE"
# A server must be as new as the TensorFlow that exported; this tag always is.
IMAGE = "tensorflow/serving:latest"
SERVER = "TensorFlow Serving"
SERVER_IN_DOCKER = "TensorFlow Serving in Docker"
DEVELOPMENT = "the development server"
_DOCKER_SECONDS = 5.0
_SETTINGS = (
    # Four threads a core, the default, reject clients that come at once.
    "--grpc_max_threads=64",
    # 30 seconds, the default, are less than a large image takes on a processor.
    "--rest_api_timeout_in_ms=600000",
)


@dataclasses.dataclass(frozen=True)
class Launch:
    """A server that can be started.

    Attributes:
        engine: SERVER, SERVER_IN_DOCKER or DEVELOPMENT.
        reason: why this one.
        command: the program and its arguments.
        url: where the model answers, http://HOST:PORT/v1/models/NAME.
    """

    engine: str
    reason: str
    command: tuple[str, ...]
    url: str


def plan_launch(config: ServeConfig) -> Launch:
    """Chooses the server and makes its command line; a port of 0 is a free one.

    Raises:
        ValueError: the folder holds no version, the engine is not to be had, or a
            port is taken.
    """
    folder = _checked_folder(config.saved_model)
    engine, program, reason = choose_engine(config.engine)
    # TensorFlow Serving's own program listens on every address and takes no other.
    host = "0.0.0.0" if engine == SERVER else config.host
    rest_port = _checked_port("rest_port", host, config.rest_port)
    if engine == DEVELOPMENT:
        command = development_command(program, folder, host, rest_port)
    else:
        grpc_port = _checked_port("grpc_port", host, config.grpc_port)
        if grpc_port == rest_port:
            raise ValueError(
                f"rest_port and grpc_port must differ, got {rest_port} for both."
            )
        if engine == SERVER:
            command = program_command(program, folder, rest_port, grpc_port)
        else:
            command = docker_command(program, folder, host, rest_port, grpc_port)
    reachable = _bracketed("127.0.0.1" if host in ("0.0.0.0", "::") else host)
    name = urllib.parse.quote(folder.name)
    url = f"http://{reachable}:{rest_port}/v1/models/{name}"
    return Launch(engine, reason, command, url)


def program_command(
    program: str, folder: Path, rest_port: int, grpc_port: int
) -> tuple[str, ...]:
    """Returns the command line of TensorFlow Serving's own program.

    Args:
        program: its path.
        folder: saved_models/NAME as an absolute path, the only kind it takes.
        rest_port: port of the REST API.
        grpc_port: port of the gRPC API.
    """
    return (
        program,
        f"--port={grpc_port}",
        f"--rest_api_port={rest_port}",
        f"--model_name={folder.name}",
        f"--model_base_path={folder}",
        *_SETTINGS,
    )


def docker_command(
    program: str, folder: Path, host: str, rest_port: int, grpc_port: int
) -> tuple[str, ...]:
    """Returns the command line that runs TensorFlow Serving in Docker.

    Args:
        program: path of `docker`.
        folder: saved_models/NAME as an absolute path.
        host: address of this machine that the ports are opened on.
        rest_port: port of the REST API.
        grpc_port: port of the gRPC API.
    """
    address = _bracketed(host)
    return (
        program,
        "run",
        "--rm",
        # The image starts with a shell script, and the first process of a container
        # gets no signal that it does not ask for: without this it would not end.
        "--init",
        f"-p={address}:{rest_port}:8501",
        f"-p={address}:{grpc_port}:8500",
        f"-v={folder}:/models/{folder.name}:ro",
        f"-e=MODEL_NAME={folder.name}",
        os.environ.get(IMAGE_VARIABLE, IMAGE),
        *_SETTINGS,
    )


def development_command(
    program: str, folder: Path, host: str, rest_port: int
) -> tuple[str, ...]:
    """Returns the command line of the development server.

    Args:
        program: path of the Python that runs it.
        folder: saved_models/NAME.
        host: address to listen on.
        rest_port: port of the REST API.
    """
    return (
        program,
        "-m",
        "pipelines.dev_server",
        f"--saved-model={folder}",
        f"--host={host}",
        f"--rest-port={rest_port}",
    )


def choose_engine(engine: Engine) -> tuple[str, str, str]:
    """Returns (engine, its program, why it is taken).

    Raises:
        ValueError: the engine that is asked for is not to be had.
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
            f"TensorFlow Serving is not to be had: {PROGRAM} is not on PATH and no "
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
    if program is None:
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
    missing = [
        package
        for package in ("starlette", "uvicorn")
        if importlib.util.find_spec(package) is None
    ]
    if missing:
        raise ValueError(
            f"The development server needs {' and '.join(missing)}; install them with "
            'pip install "keras-unet-pipelines[serve]".'
        )
    return sys.executable


def _checked_folder(name: str) -> Path:
    folder = Path(name).resolve()
    if not folder.is_dir():
        raise ValueError(f"{name} is not a folder; name an export's saved_models/NAME.")
    if not published_versions(folder):
        if (folder / "saved_model.pb").is_file() and folder.name.isdecimal():
            raise ValueError(f"{name} is one version; name its folder {folder.parent}.")
        raise ValueError(
            f"{name} holds no version, which is a folder NUMBER with a saved_model.pb; "
            "run `keras-unet export` first."
        )
    return folder


def _checked_port(setting: str, host: str, port: int) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        # As servers do: the port of one that has just ended is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ValueError(
                f"{setting} {port} on {host} cannot be had ({error.strerror}); name "
                "another port, or end the server that has it."
            ) from error
        return probe.getsockname()[1]


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
