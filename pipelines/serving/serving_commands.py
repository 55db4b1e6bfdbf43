"""The command lines of the servers: TensorFlow Serving's, in Docker or not, and ours.

The flags are those whose defaults fail for a segmentation model. Batching stays off
(it is, by default): requests of different image sizes cannot share a batch. Message
sizes need no flag: the server takes gRPC messages of up to 2 GiB.
"""

import dataclasses
import os
from pathlib import Path

# Names another image than this one: a pinned version, or your own.
IMAGE_VARIABLE = "TF_SERVING_IMAGE"
# A server must be as new as the TensorFlow that exported; this tag is, pulled anew.
IMAGE = "tensorflow/serving:latest"
MONITORING_FILE = Path(__file__).with_name("monitoring.config")
SETTINGS = (
    # Four threads a core, the default, reject clients that come at once.
    "--grpc_max_threads=64",
    # 30 seconds, the default, are less than a large image takes on a processor.
    "--rest_api_timeout_in_ms=600000",
    "--enable_grpc_healthcheck_service=true",
)
CONFIG_FILE_SETTINGS = (
    # A label is moved by an edit of the file.
    "--model_config_file_poll_wait_seconds=1",
    # Otherwise a file that has labels from the start is refused.
    "--allow_version_labels_for_unavailable_models=true",
)
# In a container.
_MONITORING = "/etc/tensorflow_serving/monitoring.config"
_CONFIGURATION = "/configuration"


@dataclasses.dataclass(frozen=True)
class Source:
    """What is served.

    Attributes:
        name: of the model; of the first one, if there are several.
        folders: their base paths, absolute.
        config_file: the model configuration file, absolute; None for one folder
            saved_models/NAME.
    """

    name: str
    folders: tuple[Path, ...]
    config_file: Path | None = None


def program_command(
    program: str, source: Source, rest_port: int, grpc_port: int
) -> tuple[str, ...]:
    """Returns the command line of TensorFlow Serving's own program.

    Args:
        program: its path.
        source: what it serves.
        rest_port: port of the REST API.
        grpc_port: port of the gRPC API.
    """
    return (
        program,
        f"--port={grpc_port}",
        f"--rest_api_port={rest_port}",
        *_model_flags(source),
        *SETTINGS,
        f"--monitoring_config_file={MONITORING_FILE}",
    )


def docker_command(
    program: str, source: Source, host: str, rest_port: int, grpc_port: int
) -> tuple[str, ...]:
    """Returns the command line that runs TensorFlow Serving in Docker.

    Args:
        program: path of `docker`.
        source: what it serves.
        host: address of this machine that the ports are opened on.
        rest_port: port of the REST API.
        grpc_port: port of the gRPC API.

    Raises:
        ValueError: Docker or the image's script does not take its name.
    """
    _check_for_docker(source)
    address = bracketed(host)
    image = os.environ.get(IMAGE_VARIABLE, IMAGE)
    command = [
        program,
        "run",
        "--rm",
        *([] if IMAGE_VARIABLE in os.environ else ["--pull=always"]),
        # The image starts with a shell script, and the first process of a container
        # gets no signal that it does not ask for: without this it would not end.
        "--init",
        f"-p={address}:{rest_port}:8501",
        f"-p={address}:{grpc_port}:8500",
        f"-v={MONITORING_FILE}:{_MONITORING}:ro",
    ]
    if source.config_file is None:
        folder = source.folders[0]
        command += [
            f"-v={folder}:/models/{source.name}:ro",
            f"-e=MODEL_NAME={source.name}",
        ]
        model_flags: tuple[str, ...] = ()
    else:
        mounts, file = _mounted_configuration(source.config_file)
        mounts |= {str(folder): str(folder) for folder in source.folders}
        command += [f"-v={here}:{there}:ro" for here, there in mounts.items()]
        # Counts instead of the one model that the image's script names.
        model_flags = _model_flags(dataclasses.replace(source, config_file=file))
    monitoring = f"--monitoring_config_file={_MONITORING}"
    return (*command, image, *model_flags, *SETTINGS, monitoring)


def _mounted_configuration(file: Path) -> tuple[dict[str, str], Path]:
    """Returns which folders a container needs, by what it calls them, and the file.

    Folders, not the file: an editor puts a new file in the place of the old.
    """
    folder, target = file.parent, file.resolve()
    if folder.resolve() in target.parents:
        # Under a name of its own: /etc would hide that of the image.
        return {str(folder): _CONFIGURATION}, Path(_CONFIGURATION, file.name)
    # A link into another folder is followed only where both have their names.
    return {str(path): str(path) for path in (folder, target.parent)}, file


def development_command(
    program: str, source: Source, host: str, rest_port: int, grpc_port: int
) -> tuple[str, ...]:
    """Returns the command line of the development server.

    Args:
        program: path of the Python that runs it.
        source: what it serves.
        host: address to listen on.
        rest_port: port of the REST API.
        grpc_port: port of the gRPC API.
    """
    return (
        program,
        # Else a folder `pipelines` in the working folder would be run instead.
        "-P",
        "-m",
        "pipelines.dev_server",
        f"--model={source.config_file or source.folders[0]}",
        f"--host={host}",
        f"--rest-port={rest_port}",
        f"--grpc-port={grpc_port}",
        "--enable-grpc-healthcheck-service",
    )


def _check_for_docker(source: Source) -> None:
    file = source.config_file
    files = [] if file is None else [file, file.resolve()]
    for path in (*source.folders, *files):
        if ":" in str(path):
            raise ValueError(
                f"{path}: Docker mounts no folder with a colon in its path. Rename it, "
                "or take the engine development."
            )
    if source.config_file is None and len(source.name.split()) != 1:
        raise ValueError(
            f"{source.folders[0]}: the image of TensorFlow Serving takes no name with "
            "spaces. Rename the folder, or take the engine development."
        )


def bracketed(host: str) -> str:
    """Returns an address as it stands before a port."""
    return f"[{host}]" if ":" in host else host


def _model_flags(source: Source) -> tuple[str, ...]:
    if source.config_file is None:
        return (f"--model_name={source.name}", f"--model_base_path={source.folders[0]}")
    return (f"--model_config_file={source.config_file}", *CONFIG_FILE_SETTINGS)
