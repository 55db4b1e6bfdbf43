"""A real nginx with the template of deploy/, and a model to serve behind it."""

import contextlib
import dataclasses
import functools
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import time
import urllib.parse

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).parents[2]
TEMPLATE = ROOT / "deploy" / "nginx" / "front.conf.template"
TOKEN = "Xq7change0me"
# Debian keeps it where only root's path leads.
PATH = f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin"
# As that of the image, which includes what it has filled in.
MAIN = """{user}
daemon off;
pid nginx.pid;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  proxy_temp_path proxy_temp;
  client_body_temp_path client_temp;
  fastcgi_temp_path fastcgi_temp;
  uwsgi_temp_path uwsgi_temp;
  scgi_temp_path scgi_temp;
  keepalive_timeout 65;
  include default.conf;
}}
"""


@functools.cache
def _nginx():
    """The path of nginx and its version, (1, 28, 0)."""
    missing = [
        name for name in ("nginx", "openssl") if not shutil.which(name, path=PATH)
    ]
    if missing:
        pytest.skip(f"no {' and no '.join(missing)} here; install it")
    path = shutil.which("nginx", path=PATH)
    told = subprocess.run([path, "-v"], capture_output=True, text=True, check=True)
    return path, tuple(
        map(int, re.search(r"nginx/([\d.]+)", told.stderr)[1].split("."))
    )


@pytest.fixture(scope="session")
def nginx_version():
    return _nginx()[1]


@dataclasses.dataclass(frozen=True)
class Front:
    """Where a front answers: https://localhost:PORT and localhost:PORT."""

    rest: str
    grpc: str
    certificate: pathlib.Path
    token: str = TOKEN


def _filled_in(version, folder, listening, servers, resolver, valid):
    """The template as the image fills it in, with other ports, paths and servers."""
    text = TEMPLATE.read_text().replace("/etc/nginx/tls/", f"{folder}/")
    for name, value in {"TOKEN": TOKEN, "NGINX_LOCAL_RESOLVERS": resolver}.items():
        text = text.replace(f"${{{name}}}", value)
    text = text.replace("valid=5s", f"valid={valid}")
    for port, addresses in servers.items():
        (line,) = re.findall(rf"  server \$\{{SERVING_HOST\}}:{port}.*;\n", text)
        host = f"${{SERVING_HOST}}:{port}"
        text = text.replace(line, "".join(line.replace(host, at) for at in addresses))
    for port, free in listening.items():
        text = text.replace(f"listen {port} ", f"listen 127.0.0.1:{free} ")
    # What older ones than the image's do not know: this parameter is left out, and
    # the other one has another form.
    if version < (1, 27, 3):
        text = text.replace(" resolve;", ";")
    if version < (1, 25, 1):
        text = re.sub(r"^ *#.*\n", "", text, flags=re.MULTILINE)
        text = re.sub(r" ssl;\n  http2 on;", " ssl http2;", text)
    return text


def _free_ports(number):
    with contextlib.ExitStack() as sockets:
        made = [
            sockets.enter_context(socket.create_server(("127.0.0.1", 0)))
            for _ in range(number)
        ]
        return [one.getsockname()[1] for one in made]


@contextlib.contextmanager
def _running(folder, rest, grpc, resolver="127.0.0.1", valid="5s"):
    """Yields a front before servers at HOST:PORT, of REST and of gRPC.

    Args:
        folder: with tls.crt and tls.key.
    """
    path, version = _nginx()
    ports = _free_ports(2)
    listening = dict(zip((8443, 8444), ports, strict=True))
    text = _filled_in(
        version, folder, listening, {8501: rest, 8500: grpc}, resolver, valid
    )
    (folder / "default.conf").write_text(text)
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(MAIN.format(user=user))
    log = folder / "error.log"
    command = [path, "-p", str(folder), "-e", str(log), "-c", "nginx.conf"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            for port in ports:
                _await(port, process, log)
            yield Front(
                f"https://localhost:{ports[0]}",
                f"localhost:{ports[1]}",
                folder / "tls.crt",
            )
        finally:
            process.terminate()


def _await(port, process, log):
    deadline = time.monotonic() + 300
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            assert process.poll() is None and time.monotonic() < deadline, (
                log.read_text()
            )
            time.sleep(0.01)


@pytest.fixture(scope="session")
def tls(tmp_path_factory):
    """A folder with tls.crt and tls.key, made as the guide says."""
    _nginx()
    folder = tmp_path_factory.mktemp("tls")
    guide = (ROOT / "docs" / "serving.md").read_text()
    command = re.search(r"openssl req .*", guide)[0].replace("HOST", "localhost")
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def front_before(tls, tmp_path_factory):
    """A function that runs a front before servers at HOST:PORT."""

    def run(rest, grpc, **settings):
        folder = tmp_path_factory.mktemp("front")
        for name in ("tls.crt", "tls.key"):
            shutil.copy(tls / name, folder)
        return _running(folder, rest, grpc, **settings)

    return run


# Images of up to so many pixels go as a whole.
PIXEL_LIMIT = 5_000_000
ABOUT = {
    "pixel_limit": PIXEL_LIMIT,
    "channels": 1,
    "classes": ["background", "foreground"],
    "threshold": 0.5,
    "scaling": "dtype",
    "alignment": 1,
    "margin_before": 0,
    "margin_after": 0,
}


@pytest.fixture(scope="session")
def exported(tmp_path_factory, signature):
    """cells with version 1: of a net that sees one pixel, bright or dark."""
    import tensorflow as tf

    def mask(data):
        image = tf.io.decode_png(data, channels=1)
        return tf.io.encode_png(tf.cast(image > 127, tf.uint8) * 255)

    signatures = {
        "image_bytes": signature(
            lambda image_bytes: {"mask_bytes": tf.map_fn(mask, image_bytes)},
            image_bytes=((None,), tf.string),
        ),
        "region": signature(
            lambda image, mean, std: {
                "probability": (image - mean[:, None, None]) / std[:, None, None]
            },
            image=((None, None, None, 1), tf.float32),
            mean=((None, 1), tf.float32),
            std=((None, 1), tf.float32),
        ),
        "about": signature(
            lambda query: {"about": tf.fill(tf.shape(query), json.dumps(ABOUT))},
            query=((None,), tf.string),
        ),
    }
    folder = tmp_path_factory.mktemp("saved_models") / "cells"
    tf.saved_model.save(tf.Module(), str(folder / "1"), signatures=signatures)
    return folder


@pytest.fixture(scope="session")
def server(exported, serving):
    """A development server; yields its HOST:PORT of REST and of gRPC."""
    from pipelines.dev_server.models import ModelManager

    with serving(ModelManager(exported)) as addresses:
        yield urllib.parse.urlsplit(addresses.rest).netloc, addresses.grpc


@pytest.fixture
def client(monkeypatch, tls):
    """The client has the token and the certificate as the guide says."""
    monkeypatch.setenv("KERAS_UNET_TOKEN", TOKEN)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tls / "tls.crt"))


@pytest.fixture
def noise(random):
    """Draws a grey image, and its mask."""

    def draw(height, width):
        image = random.integers(0, 256, (height, width), np.uint8)
        return image, (image > 127).astype(np.uint8) * 255

    return draw
