import errno
import os

import pytest

from pipelines.images import damage
from pipelines.images.handles import ChangedFile


def said(path, error):
    with pytest.raises(damage.UnreadableImage) as caught:
        with damage.reading("a page", path, "PNG"):
            raise error
    return str(caught.value)


def test_whatever_a_decoder_raises_is_one_sentence_with_its_reason(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"nothing known")
    assert said(path, RuntimeError("bad\n  block.")) == (
        "a page: cannot be read as PNG (bad block). Replace or remove the file."
    )
    assert "(KeyError)" in said(path, KeyError())


def test_errors_of_other_kinds_have_their_own_way_out(tmp_path):
    assert "does not exist" in said(tmp_path / "none", FileNotFoundError())
    assert "has changed" in said(tmp_path / "none", ChangedFile())
    assert "do not fit into memory" in said(tmp_path / "none", MemoryError())


def test_what_is_half_written_is_not_called_damaged(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"as it was")
    with pytest.raises(damage.UnreadableImage, match="^a page: the file has changed"):
        with damage.reading("a page", path, "PNG"):
            path.write_bytes(b"half of")
            raise ValueError("it breaks off")


def test_what_the_system_refuses_is_not_called_damaged(tmp_path):
    text = said(tmp_path / "a", OSError(errno.EACCES, os.strerror(errno.EACCES)))
    assert "the system refused to read it (Permission denied)" in text
    assert "remove" not in text


def test_a_sentence_passes_through_outer_readers(tmp_path):
    assert said(tmp_path / "none", damage.UnreadableImage("As it is.")) == "As it is."


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"\xff\xd8\xff\xe0", "JPEG"),
        (b"II*\0", "TIFF"),
        (b"MM\0+", "TIFF"),
        (b"RIFF\0\0\0\0WEBP", "WEBP"),
        (b"BM1234", "BMP"),
        (b"GIF89a", "GIF"),
        (b"\x93NUMPY", "NPY"),
    ],
)
def test_a_file_is_called_what_its_first_bytes_say(tmp_path, start, kind):
    path = tmp_path / "file"
    path.write_bytes(start)
    assert f"it is {kind}). Rename it to ." in said(path, ValueError("odd"))


def test_a_promise_within_the_ratio_is_believed():
    damage.check_plausible(1000, 100, 10)
    with pytest.raises(ValueError, match="promises 2000 bytes.* 100 bytes can hold"):
        damage.check_plausible(2000, 100, 10)
