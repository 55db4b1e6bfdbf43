"""What the front does when a server breaks off, or is found at another address."""

import contextlib
import ipaddress
import socket
import struct
import sys
import threading

import numpy as np
import pytest

from pipelines.client import segment_array

pytestmark = pytest.mark.usefixtures("client")
MODEL = "/v1/models/cells"


@contextlib.contextmanager
def breaking_off():
    """Yields HOST:PORT of a server that ends requests in their midst, and how many."""
    ended = []

    def answer():
        with contextlib.suppress(OSError):
            while True:
                with listener.accept()[0] as connection:
                    ended.append(connection.recv(1))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}", ended
        finally:
            # Closing alone does not wake who waits for a connection.
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def test_the_other_server_answers_for_one_that_breaks_off(front_before, server, noise):
    image, mask = noise(30, 40)
    rest, grpc_address = server
    with (
        breaking_off() as (broken, ended),
        front_before([broken, rest], [grpc_address]) as front,
    ):
        for _ in range(2):
            # The client itself sends nothing again.
            made = segment_array(front.rest + MODEL, image, retries=0)
            np.testing.assert_array_equal(made, mask)
    assert ended


@contextlib.contextmanager
def name_server(addresses):
    """Yields HOST:PORT of a name server that gives these addresses to every name."""

    def answer():
        with contextlib.suppress(OSError):
            while True:
                question, client = bound.recvfrom(512)
                if not question:
                    return
                end = question.index(b"\0", 12) + 5
                is_ipv4 = question[end - 4 : end - 2] == b"\0\1"
                found = [*addresses] if is_ipv4 else []
                counts = struct.pack(">HHHHH", 0x8180, 1, len(found), 0, 0)
                reply = question[:2] + counts + question[12:end]
                for address in found:
                    reply += struct.pack(">HHHIH", 0xC00C, 1, 1, 1, 4)
                    reply += ipaddress.ip_address(address).packed
                bound.sendto(reply, client)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield f"127.0.0.1:{bound.getsockname()[1]}"
        finally:
            with contextlib.suppress(OSError):
                bound.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.skipif(sys.platform != "linux", reason="needs 127.0.0.2 for this machine")
def test_a_server_is_found_at_a_new_address(front_before, server, noise, nginx_version):
    if nginx_version < (1, 27, 3):
        pytest.skip(f"nginx {nginx_version} does not look up names again; 1.27.3 does")
    image, mask = noise(30, 40)
    rest, grpc_address = (f"cells.test:{one.split(':')[1]}" for one in server)
    # Nothing listens there.
    addresses = ["127.0.0.2"]
    with (
        name_server(addresses) as resolver,
        front_before([rest], [grpc_address], resolver=resolver, valid="1s") as front,
    ):
        url = front.rest + MODEL
        with pytest.raises(ValueError, match="answered 502"):
            segment_array(url, image, retries=0)
        addresses[:] = ["127.0.0.1"]
        # Asked again until it answers.
        made = segment_array(url, image, retries=9)
        np.testing.assert_array_equal(made, mask)
