import json
import logging
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import imagecodecs
import numpy as np
import PIL.Image
import pytest
import tifffile

import pipelines
from pipelines import cli, config
from pipelines.results.file_failures import FilesError

GREY = np.arange(64, dtype="uint8").reshape(8, 8)
MASK = (GREY > 30) * np.uint8(255)


@pytest.fixture
def folder(tmp_path):
    """images/ and masks/ of three small pairs, in order."""
    for name in "abc":
        write(tmp_path / "images" / f"{name}.png", GREY)
        write(tmp_path / "masks" / f"{name}.png", MASK)
    return tmp_path


def write(path, pixels):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(imagecodecs.png_encode(pixels))


def fit_words(folder, *words):
    """The words of a tiny run; `words` come last and so have the last say."""
    settings = {
        "images": folder / "images",
        "masks": folder / "masks",
        "run-dir": folder / "run",
        "base-filters": 2,
        "depth": 1,
        "tile-size": 32,
        "steps": 1,
    }
    given = [f"--{name}={value}" for name, value in settings.items()]
    return ["fit", *given, *words]


def refusal(capsys, arguments):
    """The one line with which the command refuses, with status 2."""
    try:
        status = cli.main(arguments)
    except SystemExit as stop:
        status = stop.code
    written = capsys.readouterr()
    assert status == 2
    assert written.out == ""
    assert written.err.count("\n") == 1 and written.err.endswith("\n")
    return written.err


# Help.


@pytest.mark.parametrize("words", [[], *([verb] for verb in cli.VERBS)])
def test_every_verb_has_a_help(words, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([*words, "--help"])
    assert stop.value.code == 0
    assert " ".join(["usage: keras-unet", *words]) in capsys.readouterr().out


def test_every_verb_of_the_command_is_a_function_of_the_package():
    assert set(cli.VERBS) <= set(pipelines.__all__)


def test_help_loads_neither_tensorflow_nor_numpy():
    code = (
        "import sys\n"
        "from pipelines import cli\n"
        "try:\n    cli.main(['fit', '--help'])\nexcept SystemExit:\n    pass\n"
        "import json, os\n"
        "print(json.dumps([sorted(sys.modules), sum(os.times()[:2])]))\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    modules, seconds = json.loads(process.stdout.splitlines()[-1])
    heavy = {"numpy", "tensorflow", "keras", "scipy", "PIL", "tifffile", "matplotlib"}
    assert not heavy & set(modules)
    # At most 0.5 is what users were promised; the modules above are what decides it.
    print(f"fit --help: {seconds:.2f} s of processor time")


# Words of the command line.


def test_a_pattern_that_the_shell_has_expanded_is_recognised(capsys):
    words = ["check", "--images", "a.tif", *(f"{n}.tif" for n in range(999))]
    line = refusal(capsys, [*words, "--masks", "m"])
    assert "0.tif 1.tif 2.tif and 996 more; put a pattern in quotes" in line


@pytest.mark.parametrize(
    ("words", "way_out"),
    [
        (["--batch_size=4"], "did you mean --batch-size?"),
        (["--base-filtres", "4"], "did you mean --base-filters?"),
        (["--flips", "False"], "a yes-or-no setting takes no value"),
        (["--epochs", "4"], "--epochs 4; keras-unet fit --help"),
        (["--init-frmo=runs/cells/of/last/week"], "did you mean --init-from?"),
    ],
)
def test_words_that_are_nearly_right_are_told_what_is(words, way_out, capsys):
    words = ["fit", "--images", "i", "--masks", "m", "--run-dir", "r", *words]
    assert way_out in refusal(capsys, words)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ([], "VERB"),
        (["fat"], "'fat'"),
        (["fit"], "--images, --masks, --run-dir"),
        (["fit", "--images"], "--images"),
        (["fit", "--depth", "deep"], "--depth.*'deep'"),
        (["fit", "--steps", "1.5"], "--steps.*'1.5'"),
        (["fit", "--variant", "unet++"], "--variant.*'unet\\+\\+'"),
        (["check", "--images", "i", "--masks", "m", "--nonsense"], "--nonsense"),
        (["serve"], "saved_model"),
    ],
)
def test_words_that_cannot_be_parsed_are_refused_in_one_line(words, named, capsys):
    line = refusal(capsys, words)
    assert line.startswith("keras-unet")
    assert "--help" in line
    assert re.search(named, line)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--depth", "9"], "depth must be a whole number, 1 to 6, got 9"),
        (["--minutes", "inf"], "minutes must be a number, at least 0.001, got inf"),
        (["--minutes", "3"], "steps or minutes"),
        (["--validation-images", "v"], "--validation-images and --validation-masks"),
        (["--validation-stems", "x"], "no image is called x; there are a, b, c"),
        (["--validation-stems", "a,b,c"], "3 of 3 images"),
        (["--num-classes", "1", "--mask-kind", "classes"], "255"),
        (["--loss", "keras.losses:MeanSquaredError"], "takes no from_logits"),
        (["--optimizer", "keras.optimizers:None_"], "has no None_"),
        (["--images", "nowhere/*.png"], "nowhere/*.png: no images found"),
        (["--masks", ""], "masks must name a file or folder"),
    ],
)
def test_a_wrong_setting_is_refused_and_leaves_no_run(folder, words, named, capsys):
    line = refusal(capsys, fit_words(folder, *words))
    assert line.startswith("keras-unet fit: ")
    assert named in line
    assert not (folder / "run").exists()


# Files.


def another_size(folder):
    write(folder / "masks" / "b.png", MASK[:7])
    return "masks/b.png: the mask is 7x8"


def missing_mask(folder):
    (folder / "masks" / "b.png").unlink()
    return "images/b.png: no mask of the same stem"


def mask_of_another_number(folder):
    for name in ("images/a.png", "masks/b.png"):
        (folder / name).unlink()
    return "images/b.png: no mask of the same stem"


def truncated_png(folder):
    path = folder / "images" / "b.png"
    path.write_bytes(path.read_bytes()[:60])
    return "images/b.png: cannot be read as PNG"


def empty_file(folder):
    (folder / "masks" / "c.png").write_bytes(b"")
    return "masks/c.png: cannot be read as PNG"


def truncated_jpeg(folder):
    (folder / "images" / "b.png").unlink()
    path = folder / "images" / "b.jpg"
    PIL.Image.fromarray(GREY).save(path)
    path.write_bytes(path.read_bytes()[:-20])
    return "images/b.jpg: cannot be read as JPEG"


def truncated_tiff(folder):
    (folder / "images" / "b.png").unlink()
    path = folder / "images" / "b.tif"
    tifffile.imwrite(path, np.zeros((5, 8, 6), "uint8"))
    path.write_bytes(path.read_bytes()[:-30])
    return "images/b.tif: cannot be read as TIFF"


def grey_levels(folder):
    write(folder / "masks" / "b.png", np.where(GREY == 31, 128, MASK).astype("uint8"))
    return "masks/b.png: has 3 values (0, 128, 255), most pixels two of them"


def class_ids_of_unknown_kind(folder):
    for name in "abc":
        write(folder / "masks" / f"{name}.png", GREY % 3)
    return "masks/a.png: has the values 0, 1, 2, which could be classes or instances"


def two_codings(folder):
    write(folder / "masks" / "b.png", MASK // 255)
    return "masks/b.png: has the values 0, 1, other masks"


def mask_in_colour(folder):
    write(folder / "masks" / "b.png", np.dstack([MASK, MASK, 255 - MASK]))
    return "masks/b.png: the masks are in colour"


def one_stem_twice(folder):
    write(folder / "images" / "x.png", GREY)
    (folder / "images" / "x.png").rename(folder / "images" / "a.jpg")
    return "images/a.png: has the same stem as "


def mixed_channels(folder):
    write(folder / "images" / "b.png", np.dstack([GREY] * 3))
    return "images/b.png: 3 channels, but "


def nothing_marked(folder):
    for name in "abc":
        write(folder / "masks" / f"{name}.png", MASK * 0)
    return "masks: all mask pixels have one value"


def no_images(folder):
    for path in (folder / "images").iterdir():
        path.unlink()
    return "images: no images found"


def jpeg_mask(folder):
    (folder / "masks" / "b.png").unlink()
    PIL.Image.fromarray(MASK).save(folder / "masks" / "b.jpg")
    return "masks/b.jpg: a JPEG is no mask"


def not_a_number(folder):
    (folder / "images" / "b.png").unlink()
    image = GREY.astype("float32")
    image[3] = np.nan
    tifffile.imwrite(folder / "images" / "b.tif", image)
    return "images/b.tif: holds 8 NaN or infinite values"


def an_image_for_a_mask(folder):
    write(folder / "masks" / "b.png", GREY)
    return "masks/b.png: has 64 values"


def mask_of_broken_numbers(folder):
    (folder / "masks" / "b.png").unlink()
    tifffile.imwrite(folder / "masks" / "b.tif", MASK / np.float32(255 * 2))
    return "masks/b.tif: mask values must be whole numbers"


DEFECTS = [
    jpeg_mask,
    not_a_number,
    an_image_for_a_mask,
    mask_of_broken_numbers,
    another_size,
    missing_mask,
    mask_of_another_number,
    truncated_png,
    empty_file,
    truncated_jpeg,
    truncated_tiff,
    grey_levels,
    class_ids_of_unknown_kind,
    two_codings,
    mask_in_colour,
    one_stem_twice,
    mixed_channels,
    nothing_marked,
    no_images,
]


@pytest.mark.parametrize("defect", DEFECTS)
def test_data_that_cannot_be_trained_on_get_one_sentence_and_no_run(
    folder, defect, capsys
):
    named = defect(folder)
    line = refusal(capsys, fit_words(folder))
    assert line.startswith(f"keras-unet fit: {folder}")
    assert named in line
    assert line.endswith(".\n")
    assert not (folder / "run").exists()


@pytest.mark.parametrize("defect", DEFECTS)
def test_check_refuses_with_the_same_words_as_fit(folder, defect, capsys):
    named = defect(folder)
    words = ["--images", str(folder / "images"), "--masks", str(folder / "masks")]
    assert cli.main(["check", *words]) == 2
    out, line = capsys.readouterr()
    assert line.startswith(f"keras-unet check: {folder}/{named.strip()}")
    assert line.count("\n") == 1
    # The table comes all the same, unless there is nothing to be read.
    assert (f"error: {folder}/{named.strip()}" in out) == (defect is not no_images)


def test_the_table_calls_settings_by_their_flags(folder, capsys):
    grey_levels(folder)
    words = ["--images", str(folder / "images"), "--masks", str(folder / "masks")]
    assert cli.main(["check", *words]) == 2
    assert "--ignore-value" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("level", "shown"), [("WARNING", "--class-weights 1"), ("INFO", "class_weights 1")]
)
def test_warnings_call_settings_by_their_flags_and_the_plan_does_not(level, shown):
    record = logging.makeLogRecord(
        {
            "msg": "class_weights %d",
            "args": (1,),
            "levelno": logging.getLevelName(level),
        }
    )
    assert cli.LinesOfTerminal(config.FitConfig).format(record) == shown


WARNED = """
import logging, pipelines
from pipelines import cli
warn = logging.getLogger("pipelines").warning
pipelines.serve = lambda _: warn("rest_port of grün: two\\nlines, \\x1b[2J")
cli.main(["serve", "folder"])
"""


def test_log_lines_are_no_commands_to_the_terminal():
    # In a process of its own: pytest has handlers of its own.
    done = subprocess.run([sys.executable, "-c", WARNED], capture_output=True)
    lines = ["--rest-port of grün: two", "lines, \\x1b[2J"]
    assert done.stderr.decode().splitlines() == lines


def test_check_tells_of_every_fault_at_once(folder, capsys):
    truncated_png(folder)
    empty_file(folder)
    words = ["--images", str(folder / "images"), "--masks", str(folder / "masks")]
    assert cli.main(["check", *words]) == 2
    out, line = capsys.readouterr()
    assert "images/b.png: cannot be read" in out
    assert "masks/c.png: cannot be read" in out
    assert line.count("\n") == 1
    assert line.endswith("And 1 more error: the table lists them.\n")


def test_check_passes_with_warnings_alone(folder, capsys):
    words = ["--images", str(folder / "images"), "--masks", str(folder / "masks")]
    assert cli.main(["check", *words]) == 0
    out, line = capsys.readouterr()
    assert "has the same pixels as" in out
    assert line == ""


def test_a_run_is_never_overwritten(folder, capsys):
    (folder / "run").mkdir()
    assert f"{folder / 'run'} exists already" in refusal(capsys, fit_words(folder))
    assert not list((folder / "run").iterdir())


def test_a_run_folder_that_cannot_be_made_is_refused(folder, capsys):
    (folder / "file").write_text("")
    words = fit_words(folder, "--run-dir", str(folder / "file" / "run"))
    assert str(folder / "file") in refusal(capsys, words)


def test_a_process_says_one_line_too(folder):
    truncated_tiff(folder)
    # In a process of its own, with its own loggers and TensorFlow's first words.
    process = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *fit_words(folder)],
        capture_output=True,
        text=True,
        env={k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"},
    )
    assert process.returncode == 2
    assert process.stderr.count("\n") == 1
    assert "images/b.tif: cannot be read as TIFF" in process.stderr
    assert process.stdout == ""


# What a verb comes to.


def test_check_prints_its_table_and_is_done(folder, capsys):
    words = ["--images", str(folder / "images"), "--masks", str(folder / "masks")]
    assert cli.main(["check", *words]) == 0
    written = capsys.readouterr()
    assert "images with masks         3" in written.out
    assert written.err == ""


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ValueError("one\n  sentence."), 2),
        (KeyboardInterrupt(), 130),
        (PermissionError(13, "Permission denied", "/here"), 2),
        (OSError(28, "No space left on device"), 1),
    ],
)
def test_the_status_says_whose_fault_it_is(monkeypatch, capsys, error, status):
    def check(_):
        raise error

    monkeypatch.setitem(vars(pipelines), "check", check)
    assert cli.main(["check", "--images", "i", "--masks", "m"]) == status
    assert capsys.readouterr().err.count("\n") == 1


def test_bytes_of_another_protocol_are_no_commands_to_the_terminal(monkeypatch, capsys):
    def check(_):
        raise ValueError("grün: broke off (\x04\x1b[2J\x00)")

    monkeypatch.setitem(vars(pipelines), "check", check)
    line = refusal(capsys, ["check", "--images", "i", "--masks", "m"])
    assert line.endswith("grün: broke off (\\x04\\x1b[2J\\x00)\n")


def test_wrong_flags_are_told_before_tensorflow_is_loaded(monkeypatch, capsys):
    def fail(*_):
        raise AssertionError("TensorFlow was loaded")

    monkeypatch.setattr(cli.tensorflow_start, "import_tensorflow_quietly", fail)
    words = ["--images", "a", "--masks", "b", "--run-dir", "c", "--depth", "9"]
    assert cli.main(["fit", *words]) == 2
    assert "depth" in capsys.readouterr().err


def test_what_is_done_is_listed_beside_what_failed(monkeypatch, capfdbinary):
    name = os.fsdecode(b"masks/Pr\xe4parat.png")

    def predict(_):
        raise FilesError("1 of 2 files failed", [pathlib.Path(name)])

    monkeypatch.setitem(vars(pipelines), "predict", predict)
    words = ["predict", "--model", "m", "--images", "i", "--out", "o"]
    assert cli.main(words) == 2
    out, err = capfdbinary.readouterr()
    # In the bytes that the file system has.
    assert out == b"masks/Pr\xe4parat.png\n"
    assert b"1 of 2 files failed" in err


def test_another_system_is_told_before_anything_is_loaded(monkeypatch, capsys):
    monkeypatch.setattr(cli.os, "name", "nt")
    code = cli.main(["check", "--images", "i", "--masks", "m"])
    monkeypatch.undo()
    assert code == 1
    assert "needs Linux or macOS; on Windows use WSL." in capsys.readouterr().err


def test_asked_to_end_a_verb_stops_as_by_ctrl_c(monkeypatch, capsys):
    def check(_):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setitem(vars(pipelines), "check", check)
    assert cli.main(["check", "--images", "i", "--masks", "m"]) == 143
    assert capsys.readouterr().err == ("keras-unet check: stopped by SIGTERM.\n")
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_fault_of_ours_is_shown_whole(monkeypatch):
    def check(_):
        raise KeyError("fault")

    monkeypatch.setitem(vars(pipelines), "check", check)
    with pytest.raises(KeyError):
        cli.main(["check", "--images", "i", "--masks", "m"])


@pytest.mark.parametrize(
    ("result", "text"), [(None, ""), ("a", "a\n"), ([1, 2], "1\n2\n"), ([], "")]
)
def test_the_result_is_printed(monkeypatch, capsys, result, text):
    monkeypatch.setitem(vars(pipelines), "check", lambda _: result)
    assert cli.main(["check", "--images", "i", "--masks", "m"]) == 0
    assert capsys.readouterr().out == text
