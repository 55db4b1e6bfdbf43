"""A gRPC server whose calls take a thread only once their message is there.

In gRPC's server of threads each call has one from its head on, so that clients which
send no message would keep them all. Here an event loop waits for the messages; methods
are ordinary functions and run in threads.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent import futures
from typing import Any, TypeVar

import grpc
import grpc.aio

Result = TypeVar("Result")


class GrpcListener:
    """A server with an event loop in a thread of its own; not started yet.

    Args:
        add_services: adds them to the server.
        num_threads: that methods run in.
        options: of gRPC.
    """

    def __init__(
        self,
        add_services: Callable[[grpc.aio.Server], None],
        num_threads: int,
        options: Sequence[tuple[str, Any]],
    ) -> None:
        self._threads = futures.ThreadPoolExecutor(num_threads)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="grpc", daemon=True
        )
        self._thread.start()

        async def make() -> grpc.aio.Server:
            server = grpc.aio.server(
                self._threads, interceptors=[_Reading()], options=options
            )
            add_services(server)
            return server

        self._server = self._run(make())

    def add_insecure_port(self, address: str) -> int:
        """Binds a port; returns its number.

        Raises:
            RuntimeError: it is taken.
        """

        async def add() -> int:
            return int(self._server.add_insecure_port(address))

        return self._run(add())

    def start(self) -> None:
        """Answers calls from now on."""
        self._run(self._server.start())

    def stop(self, seconds: float | None) -> None:
        """Takes no further calls, and ends those that take longer than `seconds`."""
        self._run(self._server.stop(seconds))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._threads.shutdown(wait=False)

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


class _Reading(grpc.aio.ServerInterceptor):
    """Tells INTERNAL of a message that is none, as TensorFlow Serving does.

    gRPC's own event loop would tell UNKNOWN.
    """

    async def intercept_service(self, continuation: Any, details: Any) -> Any:
        """Returns the handler of a call with a reader that raises nothing."""
        handler = await continuation(details)
        if handler is None or handler.unary_unary is None:
            return handler
        read, answer = handler.request_deserializer, handler.unary_unary

        def read_if_possible(data: bytes) -> Any:
            try:
                return read(data)
            # Messages raise DecodeError, or what they like.
            except Exception:
                return None

        def answer_if_read(request: Any, context: Any) -> Any:
            if request is None:
                context.abort(grpc.StatusCode.INTERNAL, "Unparseable request")
                return None
            return answer(request, context)

        return handler._replace(
            request_deserializer=read_if_possible, unary_unary=answer_if_read
        )
