import os
import pathlib

import pytest

from pipelines.serving import serving_commands
from pipelines.serving.serving_commands import (
    MONITORING_FILE,
    Source,
    development_command,
    docker_command,
    program_command,
)

FOLDER = pathlib.Path("/models here/my unet")
ONE = Source("my unet", (FOLDER,))
IN_DOCKER = Source("cells", (pathlib.Path("/models here/cells"),))
FILE = pathlib.Path("/etc/models.config")
SEVERAL = Source("a", (pathlib.Path("/m/a"), pathlib.Path("/m/b")), FILE)
SETTINGS = (
    "--grpc_max_threads=64",
    "--rest_api_timeout_in_ms=600000",
    "--enable_grpc_healthcheck_service=true",
)


@pytest.fixture(autouse=True)
def image(monkeypatch):
    monkeypatch.setenv(serving_commands.IMAGE_VARIABLE, "mine:1")


def test_command_of_the_program():
    assert program_command("/bin/server", ONE, 8501, 8500) == (
        "/bin/server",
        "--port=8500",
        "--rest_api_port=8501",
        "--model_name=my unet",
        f"--model_base_path={FOLDER}",
        *SETTINGS,
        f"--monitoring_config_file={MONITORING_FILE}",
    )


def test_command_of_docker():
    assert docker_command("docker", IN_DOCKER, "127.0.0.1", 8501, 8500) == (
        "docker",
        "run",
        "--rm",
        "--init",
        "-p=127.0.0.1:8501:8501",
        "-p=127.0.0.1:8500:8500",
        f"-v={MONITORING_FILE}:/etc/tensorflow_serving/monitoring.config:ro",
        "-v=/models here/cells:/models/cells:ro",
        "-e=MODEL_NAME=cells",
        "mine:1",
        *SETTINGS,
        "--monitoring_config_file=/etc/tensorflow_serving/monitoring.config",
    )


def test_what_docker_does_not_take_is_told_before_it_is_started():
    # The image's script does not quote the name.
    with pytest.raises(ValueError, match="my unet: .* takes no name with spaces"):
        docker_command("docker", ONE, "127.0.0.1", 1, 2)
    with pytest.raises(
        ValueError, match="/a:b/c: Docker mounts no folder with a colon"
    ):
        docker_command("docker", Source("c", (pathlib.Path("/a:b/c"),)), "::1", 1, 2)


def test_the_newest_image_is_pulled_and_one_s_own_is_not(monkeypatch):
    def command():
        return docker_command("docker", IN_DOCKER, "127.0.0.1", 8501, 8500)

    assert "--pull=always" not in command()
    monkeypatch.delenv("TF_SERVING_IMAGE")
    assert "--pull=always" in command()
    assert "tensorflow/serving:latest" in command()


def test_command_of_the_development_server():
    assert development_command("python", ONE, "127.0.0.1", 8501, 8500) == (
        "python",
        "-P",
        "-m",
        "pipelines.dev_server",
        f"--model={FOLDER}",
        "--host=127.0.0.1",
        "--rest-port=8501",
        "--grpc-port=8500",
        "--enable-grpc-healthcheck-service",
    )


def test_configuration_file_takes_the_place_of_the_folder():
    flags = (
        f"--model_config_file={FILE}",
        "--model_config_file_poll_wait_seconds=1",
        "--allow_version_labels_for_unavailable_models=true",
    )
    command = program_command("server", SEVERAL, 1, 2)
    assert command[3:6] == flags
    assert not any("model_name" in word for word in command)
    command = docker_command("docker", SEVERAL, "::1", 1, 2)
    assert command[4:6] == ("-p=[::1]:1:8501", "-p=[::1]:2:8500")
    # Base paths are found in the container under their own names; /etc there is the
    # image's, in which the monitoring file is mounted too.
    assert [word for word in command if word.startswith("-v=")] == [
        f"-v={MONITORING_FILE}:/etc/tensorflow_serving/monitoring.config:ro",
        "-v=/etc:/configuration:ro",
        "-v=/m/a:/m/a:ro",
        "-v=/m/b:/m/b:ro",
    ]
    assert command[command.index("mine:1") + 1 :][:3] == (
        "--model_config_file=/configuration/models.config",
        *flags[1:],
    )


def test_a_mounted_config_map_is_mounted_as_one_folder(tmp_path):
    # models.config -> ..data/models.config, ..data -> ..1 (Kubernetes).
    (tmp_path / "..1").mkdir()
    (tmp_path / "..1" / "models.config").touch()
    (tmp_path / "..data").symlink_to("..1")
    link = tmp_path / "models.config"
    link.symlink_to("..data/models.config")
    source = Source("a", (pathlib.Path("/m/a"),), link)
    command = docker_command("docker", source, "::1", 1, 2)
    assert f"-v={tmp_path}:/configuration:ro" in command
    assert "--model_config_file=/configuration/models.config" in command


def test_a_linked_configuration_file_is_found_in_the_container(tmp_path):
    for name in ("data", "config"):
        (tmp_path / name).mkdir()
    (tmp_path / "data" / "models.config").touch()
    link = tmp_path / "config" / "models.config"
    link.symlink_to(tmp_path / "data" / "models.config")
    source = Source("a", (pathlib.Path("/m/a"),), link)
    command = docker_command("docker", source, "::1", 1, 2)
    assert f"--model_config_file={link}" in command
    for folder in ("data", "config"):
        path = (tmp_path / folder).resolve()
        assert f"-v={path}:{path}:ro" in command


def test_no_command_batches():
    for command in (
        program_command("server", ONE, 1, 2),
        docker_command("docker", IN_DOCKER, "127.0.0.1", 1, 2),
    ):
        assert not any("batching" in word for word in command)


def test_monitoring_is_in_the_package():
    assert os.path.isfile(MONITORING_FILE)
    assert "/monitoring/prometheus/metrics" in MONITORING_FILE.read_text()
