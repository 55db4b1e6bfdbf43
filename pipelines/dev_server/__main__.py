"""Runs the server: `python -m pipelines.dev_server --model F --rest-port N`."""

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipelines import tensorflow_start
from pipelines.config import ServeConfig
from pipelines.serving.serving_commands import bracketed

_LOGGER = logging.getLogger("pipelines.dev_server")

# Both servers end within these; `keras-unet serve` waits ten before it kills.
GRACEFUL_SECONDS = 5
# A connection that is closed while its client sends the next request looks as if the
# server had died of it: clients and fronts (nginx: 60, that of deploy/: 5) close first.
_IDLE_SECONDS = 75


def main() -> int:
    """Serves until it is ended; returns 2 if there is nothing to serve."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.dev_server")
    parser.add_argument(
        "--model",
        type=Path,
        required=True,
        help="folder saved_models/NAME or a model configuration file",
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--rest-port", type=int, required=True)
    parser.add_argument("--grpc-port", type=int, required=True)
    parser.add_argument("--enable-grpc-healthcheck-service", action="store_true")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("tensorflow").setLevel(logging.WARNING)
    _LOGGER.info(
        "This is the development server; for production, run TensorFlow Serving."
    )
    # uvicorn raises it again when it is done; by default that would end the process
    # before gRPC's calls are.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        # For its refusals, before anything is loaded.
        ServeConfig(
            saved_model=arguments.model,
            host=arguments.host,
            rest_port=arguments.rest_port,
            grpc_port=arguments.grpc_port,
        )
        tensorflow_start.import_tensorflow_quietly("tensorflow")
        tensorflow_start.let_gpus_grow()
        _serve(arguments)
    except ValueError as error:
        _LOGGER.error("%s", error)
        return 2
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0


def server_config(app: Any) -> Any:
    """Returns the settings of the ASGI server, a `uvicorn.Config`."""
    import uvicorn

    return uvicorn.Config(
        app,
        # By name: others are taken where they happen to be installed.
        http="h11",
        loop="asyncio",
        log_level="warning",
        lifespan="off",
        ws="none",
        timeout_keep_alive=_IDLE_SECONDS,
        # A client that never finishes its request must not hold up the end.
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
    )


def _serve(arguments: argparse.Namespace) -> None:
    from pipelines.dev_server import grpc_api
    from pipelines.dev_server.models import ModelManager
    from pipelines.dev_server.rest import RestApp

    manager = ModelManager(arguments.model)
    grpc_server = grpc_api.make_server(
        manager, with_health=arguments.enable_grpc_healthcheck_service
    )
    host = arguments.host
    with (
        bound_socket(host, arguments.rest_port, "--rest-port") as listener,
        bound_socket(host, arguments.grpc_port, "--grpc-port") as placeholder,
    ):
        # As with TensorFlow Serving, an open port means that a version was loaded.
        manager.start()
        port, grpc_port = (one.getsockname()[1] for one in (listener, placeholder))
        # Another program may have bound the port too, and was the first to listen.
        with _available(host, port, "--rest-port"):
            listener.listen()
        placeholder.close()
        with _available(host, grpc_port, "--grpc-port"):
            grpc_server.add_insecure_port(f"{bracketed(host)}:{grpc_port}")
        grpc_server.start()
        place = bracketed(host)
        for name in manager.names:
            _LOGGER.info("REST API: http://%s:%d/v1/models/%s", place, port, name)
            _LOGGER.info("gRPC API: grpc://%s:%d/%s", place, grpc_port, name)
        try:
            _run(RestApp(manager), listener, grpc_server)
        finally:
            manager.close()


def _run(app: Any, listener: socket.socket, grpc_server: Any) -> None:
    """Answers until a signal comes; then both servers end within the same seconds."""
    import uvicorn

    class Server(uvicorn.Server):
        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            await asyncio.gather(
                super().shutdown(sockets),
                asyncio.to_thread(grpc_server.stop, GRACEFUL_SECONDS),
            )

    Server(server_config(app)).run(sockets=[listener])


def bound_socket(host: str, port: int, flag: str) -> socket.socket:
    """Returns a socket that has the port and does not listen yet."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named TCP: else asyncio leaves Nagle's algorithm on, and the bodies of answers
    # wait 40 ms for the client to acknowledge their heads.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        with _available(host, port, flag):
            bound.bind((host, port))
    except ValueError:
        bound.close()
        raise
    return bound


@contextlib.contextmanager
def _available(host: str, port: int, flag: str) -> Iterator[None]:
    """Turns what sockets and gRPC raise for an address that they do not get."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        raise ValueError(
            f"Address {host} port {port} is not available ({error}); name another with "
            f"{flag}."
        ) from error


if __name__ == "__main__":
    status = main()
    logging.shutdown()
    # Not by sys.exit, which would wait for requests that are still computed.
    os._exit(status)
