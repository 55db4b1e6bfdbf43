"""The commands of docs/serving.md run as they stand, but for those marked no-run."""

import contextlib
import json
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import time
import urllib.parse

import numpy as np
import pytest
import requests
import tifffile

from pipelines import cli
from pipelines.config import ServeConfig
from pipelines.results.writing import write_image
from pipelines.serving.serving import running_launch

GUIDE = pathlib.Path(__file__).parents[2] / "docs" / "serving.md"
EXPORTED = "saved_models/cells"
TINY = "--depth 1 --base-filters 2 --tile-size 32 --batch-size 1 --steps 2"


def blocks(language: str) -> list[str]:
    # Those of a numbered step are indented.
    block = rf"^ *```{language}\n(.*?)^ *```"
    return re.findall(block, GUIDE.read_text(), re.M | re.S)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Six small images, their masks, and a run trained on them."""
    folder = tmp_path_factory.mktemp("serving_guide")
    random = np.random.default_rng(0)
    mask = np.zeros((40, 50), np.uint8)
    mask[10:20, 10:30] = 255
    for name in ("images", "masks"):
        (folder / name).mkdir()
    for number in range(6):
        image = random.integers(0, 200, mask.shape).astype(np.uint8)
        write_image(folder / "images" / f"{number}.png", image)
        write_image(folder / "masks" / f"{number}.png", mask)
    data = ["--images", str(folder / "images"), "--masks", str(folder / "masks")]
    run = ["--run-dir", str(folder / "runs/cells")]
    assert cli.main(["fit", *data, *run, *TINY.split()]) == 0
    return folder


@pytest.fixture(scope="module")
def exported(folder):
    """The same folder, after the guide's own commands: they export two versions."""
    with contextlib.chdir(folder):
        for line in "".join(blocks("sh")).splitlines():
            command, *words = shlex.split(line)
            assert command == "keras-unet"
            assert cli.main(words) == 0, line
    return folder


def test_the_commands_run_and_then_the_python(exported, monkeypatch):
    monkeypatch.chdir(exported)
    assert (exported / EXPORTED / "2/saved_model.pb").exists()
    for code in blocks("python served"):
        exec(compile(code, GUIDE.name, "exec"), {})


def write_config(folder):
    """Writes the guide's file, of which only the folder is another."""
    (text,) = (block for block in blocks("text") if "model_config_list" in block)
    path = folder / "models.config"
    base_path = folder / EXPORTED
    path.write_text(text.replace("/models/cells", str(base_path)))
    return path


def wait_for_stable(url, version):
    end = time.monotonic() + 300
    answering = None
    while answering != version and time.monotonic() < end:
        time.sleep(0.1)
        about = requests.get(f"{url}/labels/stable/metadata", timeout=30).json()
        answering = about["model_spec"]["version"]
    assert answering == version


def test_the_requests_run_against_a_server_of_two_versions(
    exported, monkeypatch, capsys
):
    monkeypatch.chdir(exported)
    config = write_config(exported)
    settings = ServeConfig(
        saved_model=str(config), engine="development", rest_port=0, grpc_port=0
    )
    tifffile.imwrite("huge.tif", np.zeros((90, 40), np.float32))
    with running_launch(settings) as launch:
        rest, grpc = (
            urllib.parse.urlsplit(url).netloc for url in (launch.url, launch.grpc_url)
        )
        lines = "".join(blocks("sh served"))
        for named, address in (("localhost:8501", rest), ("localhost:8500", grpc)):
            lines = lines.replace(named, address)
        lines = re.sub(r"\b[ab]:8500", grpc, lines)
        for line in lines.splitlines():
            assert cli.main(shlex.split(line)[1:]) == 0, capsys.readouterr().err
        for version in ("2", "1"):
            # The guide's steps 3 and 4: `stable` moves, and moves back.
            moved = f'key: "stable" value: {version}'
            config.write_text(
                re.sub('key: "stable" value: .', moved, config.read_text())
            )
            wait_for_stable(f"http://{rest}/v1/models/cells", version)
    for name in ("stable", "canary"):
        assert len(list((exported / name).glob("*.png"))) == 6
    assert tifffile.imread("segmented/huge.tif").shape == (90, 40)


def test_the_servers_start_and_end_by_ctrl_c(exported):
    # Those of the machine may be taken by others.
    ports = ["--engine", "development", "--rest-port", "0", "--grpc-port", "0"]
    # In a process of the background the signal may be ignored.
    code = (
        "import signal, sys; from pipelines.cli import main; "
        "signal.signal(signal.SIGINT, signal.default_int_handler); "
        "sys.exit(main(sys.argv[1:]))"
    )
    write_config(exported)
    for line in "".join(blocks("sh started")).splitlines():
        words = shlex.split(line, comments=True)[1:]
        process = subprocess.Popen(
            [sys.executable, "-c", code, *words, *ports],
            cwd=exported,
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            told = []
            for said in process.stderr:
                told.append(said)
                if said.startswith("Ready"):
                    process.send_signal(signal.SIGINT)
        assert process.returncode == 0, "".join(told)


def test_every_signature_of_an_export_is_told(exported):
    golden = exported / EXPORTED / "1/assets.extra/golden.json"
    told = set(re.findall(r"`(\w+)`", GUIDE.read_text()))
    requests = json.loads(golden.read_text())["requests"]
    assert {request["signature"] for request in requests} <= told
