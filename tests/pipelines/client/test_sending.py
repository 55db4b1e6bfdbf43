import pathlib

import numpy as np
import PIL.Image
import pytest

from pipelines.client.failures import Kind, ServerFailure
from pipelines.client.pool import ServerPool
from pipelines.client.sending import naming, send_image
from pipelines.client.service import Service
from pipelines.images import ImageEntry
from pipelines.images.done_files import DoneFiles

ENTRY = ImageEntry(pathlib.Path("in/a.png"))
DONE = DoneFiles([])


def sent(service, path):
    return send_image(lambda: service, DONE, ImageEntry(path))


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.png"
    PIL.Image.fromarray(np.zeros((70, 80), np.uint8)).save(path)
    return path


def test_image_beyond_the_limit_is_not_sent_as_a_whole(path, about_of):
    service = Service(ServerPool([], 0), None, about_of())
    found = sent(service, path)
    assert (found.mask, found.error, found.service) == (None, None, service)
    assert found.key == DONE.key(path)


def test_what_is_wrong_with_an_image_is_kept_with_it(path, about_of, fake_server):
    refusal = ServerFailure("no PNG", Kind.REFUSED, of_request=True)
    service = Service(
        ServerPool([fake_server([refusal])], 0), None, about_of(pixel_limit=70 * 80)
    )
    assert str(sent(service, path).error) == f"{path}: no PNG"
    missing = path.with_name("b.png")
    assert f"{missing}: cannot be read" in str(sent(service, missing).error)


def test_what_is_wrong_with_the_server_is_raised(path, about_of, fake_server):
    service = Service(
        ServerPool([fake_server([ServerFailure("no model", Kind.REFUSED)])], 0),
        None,
        about_of(pixel_limit=70 * 80),
    )
    with pytest.raises(ServerFailure, match=r"a\.png: no model"):
        sent(service, path)


def test_a_version_that_is_gone_is_kept_with_the_image(path, about_of, fake_server):
    gone = ServerFailure("version 1 was unloaded", Kind.GONE)
    about = about_of(pixel_limit=70 * 80)
    error = sent(Service(ServerPool([fake_server([gone])], 0), None, about), path).error
    assert isinstance(error, ServerFailure) and error.kind is Kind.GONE


def test_names_are_put_before_errors_once():
    for error in (ValueError("words"), ValueError("in/a.png: words")):
        with pytest.raises(ValueError, match=r"^in/a\.png: words$"), naming(ENTRY):
            raise error
    with pytest.raises(ServerFailure, match=r"^in/a\.png: late$") as caught:
        with naming(ENTRY):
            raise ServerFailure("late", Kind.LATE, 504)
    assert (caught.value.kind, caught.value.status) == (Kind.LATE, 504)
