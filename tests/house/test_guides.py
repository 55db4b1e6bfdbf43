"""The commands of docs/data.md run as they stand, and it explains every finding."""

import pathlib
import re
import shlex

from pipelines import cli

GUIDE = pathlib.Path(__file__).parents[2] / "docs" / "data.md"


def test_the_command_lines_run(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    found = re.findall(r"^```sh\n(.*?)^```", GUIDE.read_text(), re.M | re.S)
    for line in "".join(found).splitlines():
        command, *words = shlex.split(line)
        assert command == "keras-unet"
        assert cli.main(words) == 0, capsys.readouterr().err
    assert (folder / "tiles.png").exists() and (folder / "found.json").exists()


def test_every_code_of_a_finding_is_explained():
    sources = pathlib.Path(cli.__file__).parent.rglob("*.py")
    text = "".join(path.read_text() for path in sources)
    codes = re.findall(r"findings\.(?:error|warning)\(\s*\"([a-z-]+)\"", text)
    codes += re.findall(r"return (?:error|warning)\(\s*\"([a-z-]+)\"", text)
    explained = set(re.findall(r"`([a-z-]+)`", GUIDE.read_text()))
    assert len(codes) > 20
    assert set(codes) <= explained
