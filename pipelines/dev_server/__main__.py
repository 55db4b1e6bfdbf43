"""Runs the server: `python -m pipelines.dev_server --model F --rest-port N`."""

import argparse
import logging
import os
import signal
import socket
from pathlib import Path
from typing import Any

from pipelines import tensorflow_start

_LOGGER = logging.getLogger("pipelines.dev_server")

GRACEFUL_SECONDS = 5


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
    tensorflow_start.import_tensorflow_quietly("tensorflow")
    try:
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
        log_level="warning",
        lifespan="off",
        ws="none",
        # A client that never finishes its request must not hold up the end.
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
    )


def _serve(arguments: argparse.Namespace) -> None:
    import uvicorn

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
        grpc_port = placeholder.getsockname()[1]
        placeholder.close()
        grpc_server.add_insecure_port(_address(host, grpc_port))
        grpc_server.start()
        port = listener.getsockname()[1]
        for name in manager.names:
            _LOGGER.info("REST API: http://%s/v1/models/%s", _address(host, port), name)
            _LOGGER.info("gRPC API: grpc://%s/%s", _address(host, grpc_port), name)
        try:
            uvicorn.Server(server_config(RestApp(manager))).run(sockets=[listener])
        finally:
            grpc_server.stop(GRACEFUL_SECONDS)
            manager.close()


def bound_socket(host: str, port: int, flag: str) -> socket.socket:
    """Returns a socket that has the port and does not listen yet."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named TCP: else asyncio leaves Nagle's algorithm on, and the bodies of answers
    # wait 40 ms for the client to acknowledge their heads.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise ValueError(
            f"Address {host} port {port} is not available ({error}); name another with "
            f"{flag}."
        ) from error
    return bound


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


if __name__ == "__main__":
    status = main()
    logging.shutdown()
    # Not by sys.exit, which would wait for requests that are still computed.
    os._exit(status)
