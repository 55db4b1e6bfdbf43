import contextlib
import dataclasses

import numpy as np
import pytest

from pipelines.client.connecting import connect
from pipelines.client.failures import Kind, ServerFailure
from pipelines.client.pool import ServerPool
from pipelines.client.service import Service, at_work, mask_of_file
from pipelines.images import ArrayImage


@contextlib.contextmanager
def service_of(url):
    pool = ServerPool(connect(url, 30.0), 0)
    with contextlib.closing(pool), at_work(pool) as service:
        yield service


@pytest.fixture
def large(random):
    return random.integers(0, 256, (400, 300)).astype(np.uint8)


def test_a_large_image_is_the_mask_of_the_whole(rest_url, large, mask_of):
    mask = np.full(large.shape, 7, np.uint8)
    with service_of(rest_url) as service:
        for top, left, part in service.mask_windows(ArrayImage(large[..., None], "a")):
            height, width = part.shape[:2]
            mask[top : top + height, left : left + width] = part[..., 0]
    np.testing.assert_array_equal(mask, mask_of(large))


@pytest.mark.parametrize("transport", ["rest", "grpc"])
def test_an_image_is_not_put_together_of_two_versions(
    swapping, transport, large, waits
):
    rest, grpc = f"{swapping.rest}/v1/models/cells", f"grpc://{swapping.grpc}/cells"
    servers = connect(rest if transport == "rest" else grpc, 30.0)
    pool = ServerPool(servers, 4, waits, waits)
    with contextlib.closing(pool), at_work(pool) as service:
        with pytest.raises(ServerFailure, match="version 1 was unloaded") as raised:
            list(service.mask_windows(ArrayImage(large[..., None], "a")))
    assert raised.value.kind is Kind.GONE
    # It is not waited for: it will not come back.
    assert waits.waits == []


def test_what_is_begun_again_is_begun_again_once(fake_server, caplog):
    pool = ServerPool([fake_server()], 0)
    service = Service(pool, None, None)
    gone = ServerFailure("version 1 was unloaded.", Kind.GONE)
    outcomes = [gone, 5]

    def make():
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    assert service.of_one_version(make, repeatable=True) == 5
    assert "version 1 was unloaded. It is sent again now." in caplog.text
    for repeatable, tries in ((True, 2), (False, 1)):
        outcomes[:] = [gone] * 9
        # Other images may go to the version that is served now.
        with pytest.raises(ValueError, match="version 1 was unloaded") as raised:
            service.of_one_version(make, repeatable=repeatable)
        assert not isinstance(raised.value, ServerFailure)
        assert len(outcomes) == 9 - tries
    outcomes[:] = [ServerFailure("away", Kind.UNREACHABLE), 5]
    with pytest.raises(ServerFailure, match="away"):
        service.of_one_version(make, repeatable=True)
    # One that the address names is not replaced by another.
    (server,) = pool.servers
    server.address = server.address.of_version(1)
    outcomes[:] = [gone, 5]
    with pytest.raises(ServerFailure, match="version 1 was unloaded"):
        service.of_one_version(make, repeatable=True)


def test_an_image_is_not_put_together_of_two_models(fake_server, large, about_of):
    def server(text, name):
        return fake_server([{"about": np.array([text.encode()], object)}], name)

    text = about_of().text
    servers = [server(text, "one"), server(text.replace("0.5", "0.25"), "two")]
    service = Service(ServerPool(servers, 0), None, about_of())
    with pytest.raises(ServerFailure, match="serve different models, of which"):
        list(service.mask_windows(ArrayImage(large[..., None], "a")))


def test_a_model_that_says_nothing_of_itself_gets_images_of_any_size_whole(
    rest_url, large
):
    with service_of(rest_url) as service:
        silent = dataclasses.replace(service, about=None)
        assert silent.takes_whole(ArrayImage(large[..., None], "a"))
        assert not service.takes_whole(ArrayImage(large[..., None], "a"))


def test_a_model_that_says_nothing_of_itself_gets_no_regions(stub, large):
    state = {"model_spec": {"version": "1"}}
    with stub(b"{}", state=state) as url, service_of(url) as service:
        with pytest.raises(ValueError, match="no signature about"):
            list(service.mask_windows(ArrayImage(large[..., None], "a")))


@pytest.mark.parametrize(
    "answer",
    [{}, {"": np.array([])}, {"": np.array([0.5])}, {"": np.array([b"text"], object)}],
)
def test_an_answer_that_is_no_png_is_refused(fake_server, answer):
    pool = ServerPool([fake_server([answer])], 0)
    with pytest.raises(ValueError, match="expected a PNG as mask_bytes"):
        mask_of_file(pool, b"")
