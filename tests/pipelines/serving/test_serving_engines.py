import os
import socket

import pytest

from pipelines.config import ServeConfig
from pipelines.serving import serving_commands, serving_engines
from pipelines.serving.serving_engines import plan_launch


@pytest.fixture
def folder(tmp_path):
    """A folder that looks like saved_models/NAME."""
    version = tmp_path / "my unet" / "1"
    version.mkdir(parents=True)
    (version / "saved_model.pb").touch()
    return version.parent


@pytest.fixture(autouse=True)
def programs(tmp_path, monkeypatch):
    """A function that puts a program on PATH, which else has none."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    for name in (serving_engines.PROGRAM_VARIABLE, serving_commands.IMAGE_VARIABLE):
        monkeypatch.delenv(name, raising=False)

    def add(name, script="exit 0"):
        program = folder / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        return str(program)

    return add


def config(folder, **settings):
    ports = {"rest_port": 0, "grpc_port": 0}
    return ServeConfig(saved_model=str(folder), **{**ports, **settings})


def test_program_is_taken_first(folder, programs):
    program = programs("tensorflow_model_server")
    programs("docker")
    launch = plan_launch(config(folder))
    assert launch.engine == serving_engines.SERVER
    assert launch.command[0] == program
    assert program in launch.reason


def test_program_may_be_named_by_the_environment(folder, programs, monkeypatch):
    program = programs("another_name")
    monkeypatch.setenv(serving_engines.PROGRAM_VARIABLE, program)
    assert plan_launch(config(folder)).command[0] == program
    monkeypatch.setenv(serving_engines.PROGRAM_VARIABLE, "/nowhere/server")
    with pytest.raises(ValueError, match="TF_SERVING_BINARY.*'/nowhere/server'"):
        plan_launch(config(folder))


def test_docker_is_taken_if_its_engine_answers(folder, programs):
    program = programs("docker", 'test "$1" = info')
    launch = plan_launch(config(folder.rename(folder.with_name("cells"))))
    assert launch.engine == serving_engines.SERVER_IN_DOCKER
    assert launch.command[:2] == (program, "run")


@pytest.mark.parametrize("script", ["exit 1", "exec sleep 5"])
def test_docker_without_an_engine_is_passed_over(folder, programs, script, monkeypatch):
    monkeypatch.setattr(serving_engines, "_DOCKER_SECONDS", 0.2)
    monkeypatch.setenv(
        "PATH", os.pathsep.join((os.environ["PATH"], "/usr/bin", "/bin"))
    )
    monkeypatch.setattr(serving_engines, "PROGRAM", "no_tensorflow_model_server")
    programs("docker", script)
    launch = plan_launch(config(folder))
    assert launch.engine == serving_engines.DEVELOPMENT
    assert "no Docker engine" in launch.reason
    assert launch.command[2:4] == ("-m", "pipelines.dev_server")


def test_docker_is_passed_over_where_its_image_does_not_run(
    folder, programs, monkeypatch
):
    programs("docker")
    monkeypatch.setattr(serving_engines.platform, "machine", lambda: "arm64")
    assert plan_launch(config(folder)).engine == serving_engines.DEVELOPMENT


def test_engine_that_is_asked_for_and_missing_is_refused(folder):
    with pytest.raises(ValueError, match="TensorFlow Serving was not found"):
        plan_launch(config(folder, engine="tensorflow-serving"))


def test_development_engine_is_taken_when_asked_for(folder, programs):
    programs("tensorflow_model_server")
    launch = plan_launch(config(folder, engine="development"))
    assert launch.engine == serving_engines.DEVELOPMENT


def test_missing_packages_are_told_with_their_extra(folder, monkeypatch):
    monkeypatch.setattr(serving_engines.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ValueError, match=r'pip install "\.\[serve\]"'):
        plan_launch(config(folder))


def test_base_path_is_absolute_and_the_address_is_quoted(folder, programs, monkeypatch):
    programs("tensorflow_model_server")
    monkeypatch.chdir(folder.parent)
    launch = plan_launch(config("my unet"))
    assert f"--model_base_path={folder}" in launch.command
    port = next(a for a in launch.command if "rest_api_port" in a).partition("=")[2]
    assert launch.url == f"http://127.0.0.1:{port}/v1/models/my%20unet"
    assert int(port) > 0
    assert launch.grpc_url.startswith("grpc://127.0.0.1:")
    assert launch.grpc_url.endswith("/my%20unet")


@pytest.mark.parametrize("setting", ["rest_port", "grpc_port"])
def test_taken_port_is_refused(folder, programs, setting):
    programs("tensorflow_model_server")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ValueError, match=f"{setting} {port} "):
            plan_launch(config(folder, **{setting: port}))


def test_a_free_port_is_held_while_the_other_is_chosen(folder, monkeypatch):
    bound = []

    class Watched(socket.socket):
        def bind(self, address):
            super().bind(address)
            bound.append([one.fileno() != -1 for one in self.before])
            self.before.append(self)

        before = []

    monkeypatch.setattr(socket, "socket", Watched)
    plan_launch(config(folder, engine="development"))
    assert bound == [[], [True]]
    assert all(one.fileno() == -1 for one in Watched.before)


def test_folder_without_a_version_is_refused(folder, tmp_path):
    with pytest.raises(
        ValueError, match="nope is neither a folder nor a model configuration"
    ):
        plan_launch(config(tmp_path / "nope"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no version"):
        plan_launch(config(tmp_path / "empty"))
    with pytest.raises(ValueError, match=r"holds some; name .*/my unet\.$"):
        plan_launch(config(tmp_path))
    with pytest.raises(ValueError, match="is one version; name its folder"):
        plan_launch(config(folder / "1"))


def test_a_link_to_a_folder_is_served_under_its_own_name(folder, tmp_path, programs):
    programs("tensorflow_model_server")
    link = tmp_path / "current"
    link.symlink_to(folder)
    launch = plan_launch(config(link))
    assert f"--model_base_path={link}" in launch.command
    assert launch.url.endswith("/v1/models/current")


def test_a_newest_number_without_a_model_is_refused(folder, tmp_path):
    (folder / "3").mkdir()
    file = tmp_path / "models.config"
    entry = f'name: "cells" base_path: "{folder}" model_platform: "tensorflow"'
    file.write_text(f"model_config_list {{ config {{ {entry} }} }}")
    for source in (folder, file):
        with pytest.raises(ValueError, match="my unet/3 holds no saved_model.pb"):
            plan_launch(config(source))
    # A file that names its versions is not led astray.
    assert plan_launch(config(config_file(file, folder, 1), engine="development"))


def config_file(path, base_path, version):
    path.write_text(
        f'model_config_list {{ config {{ name: "cells" base_path: "{base_path}" '
        f'model_platform: "tensorflow" '
        f"model_version_policy {{ specific {{ versions: {version} }} }} }} }}"
    )
    return path


def test_models_of_a_configuration_file_are_served(folder, tmp_path, programs):
    programs("tensorflow_model_server")
    file = config_file(tmp_path / "models.config", folder, 1)
    launch = plan_launch(config(file))
    assert f"--model_config_file={file}" in launch.command
    assert launch.url.endswith("/v1/models/cells")
    assert f"--model={file}" in plan_launch(config(file, engine="development")).command


def test_a_link_to_a_configuration_file_is_followed_anew(folder, tmp_path, programs):
    programs("tensorflow_model_server")
    link = tmp_path / "linked.config"
    link.symlink_to(config_file(tmp_path / "models.config", folder, 1))
    assert f"--model_config_file={link}" in plan_launch(config(link)).command


def test_configuration_file_is_checked_before_anything_is_started(folder, tmp_path):
    file = config_file(tmp_path / "models.config", folder, 7)
    with pytest.raises(ValueError, match="holds none of the versions"):
        plan_launch(config(file))
    file.write_text("name: 3")
    with pytest.raises(ValueError, match="expected a model configuration file"):
        plan_launch(config(file))
