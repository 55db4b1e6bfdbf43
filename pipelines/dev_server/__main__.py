"""Runs the server: `python -m pipelines.dev_server --saved-model F --rest-port N`."""

import argparse
import logging
import socket
import sys
from pathlib import Path
from typing import Any

from pipelines import tensorflow_start

_LOGGER = logging.getLogger("pipelines.dev_server")

GRACEFUL_SECONDS = 5


def main() -> int:
    """Serves until it is ended; returns 2 if there is nothing to serve."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.dev_server")
    parser.add_argument("--saved-model", type=Path, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--rest-port", type=int, required=True)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("tensorflow").setLevel(logging.WARNING)
    _LOGGER.info(
        "This is the development server; for production, run TensorFlow Serving."
    )
    tensorflow_start.import_tensorflow_quietly("tensorflow")
    try:
        _serve(arguments.saved_model, arguments.host, arguments.rest_port)
    except ValueError as error:
        _LOGGER.error("%s", error)
        return 2
    except KeyboardInterrupt:
        pass
    return 0


def server_config(app: Any) -> Any:
    """Returns the settings of the ASGI server, a `uvicorn.Config`."""
    import uvicorn

    return uvicorn.Config(
        app,
        log_level="warning",
        lifespan="off",
        # A client that never finishes its request must not hold up the end.
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
    )


def _serve(saved_model: Path, host: str, port: int) -> None:
    import uvicorn

    from pipelines.dev_server.models import ModelManager
    from pipelines.dev_server.rest import RestApp

    manager = ModelManager(saved_model)
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise ValueError(
                f"Address {host} port {port} cannot be had ({error}); name another "
                "with --rest-port."
            ) from error
        # As with TensorFlow Serving, an open port means that a version was loaded.
        manager.start()
        port = listener.getsockname()[1]
        _LOGGER.info("REST API: http://%s:%d/v1/models/%s", host, port, manager.name)
        try:
            uvicorn.Server(server_config(RestApp(manager))).run(sockets=[listener])
        finally:
            manager.close()


if __name__ == "__main__":
    sys.exit(main())
