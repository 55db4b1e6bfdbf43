"""Results of a large image kept until its file is whole, for a run that goes on."""

import contextlib
import hashlib
import io
import logging
import math
import pathlib
import struct
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from pipelines.files.appearing import short_name
from pipelines.files.file_locks import try_lock
from pipelines.images.damage import may_pass
from pipelines.overlap_tile import TilePlan
from pipelines.prediction.memory_plan import TooLittleMemory
from pipelines.results.layout import ImageLayout, Window

logger = logging.getLogger(__name__)

# A result of fewer tiles is soon done again.
FEWEST_TILES = 16
SUFFIX = ".windows"
# How the largest core stands in the file.
_CORE = struct.Struct("<q")

Compute = Callable[[int], Iterable[Window]]


class KeptWindows:
    """A hidden file of raw windows beside a result, in the order of their plan.

    A killed process leaves it; the next one takes from it what is whole and was
    computed alike, and computes the rest.

    Args:
        result: the file that is to be written.
        key: what its pixels depend on.
        resume: takes up what is there; otherwise it is begun anew.
        num_images: of the result.
    """

    def __init__(
        self,
        result: pathlib.Path,
        key: str,
        *,
        resume: bool,
        num_images: int = 1,
    ) -> None:
        self._result, self._key, self._resume = result, key, resume
        self._num_images = num_images
        self._given_up = False

    def begun(self, page: int, layout: ImageLayout) -> int | None:
        """Returns the largest core of the tiles that are kept, or None without any.

        Args:
            page: number of the image in the result.
            layout: of the result.
        """
        head = self._head(layout)
        if self._resume and self._path(page).exists():
            with self._path(page).open("rb") as file:
                content = file.read(len(head) + _CORE.size)
            if len(content) == len(head) + _CORE.size and content.startswith(head):
                return int(_CORE.unpack(content[len(head) :])[0])
        return None

    def through(
        self, page: int, plan: TilePlan, layout: ImageLayout, compute: Compute
    ) -> Iterator[Window]:
        """Yields all windows of an image, and keeps them where there is room.

        Args:
            page: number of the image in the result.
            plan: of its tiles.
            layout: of the result.
            compute: yields the windows from a number on.
        """
        few = plan.num_tiles * self._num_images < FEWEST_TILES
        if few or self._given_up:
            yield from compute(0)
            return
        path = self._path(page)
        # Without a buffer: what was written survives the process.
        with path.open("a+b", buffering=0) as file:
            if try_lock(file) is False:
                # Another process writes the same result: it keeps them already.
                yield from compute(0)
                return
            header = self._head(layout) + _CORE.pack(plan.largest_core)
            file.seek(0)
            done = 0
            if self._resume and file.read(len(header)) == header:
                for window in _whole_ones(file, plan, layout):
                    yield window
                    done += 1
            else:
                file.truncate(0)
                self._keep(file, header)
            for top, left, pixels in compute(done):
                if not self._given_up:
                    self._keep(file, np.ascontiguousarray(pixels).tobytes())
                yield top, left, pixels

    def _keep(self, file: io.FileIO, content: bytes) -> None:
        """Appends to a file; gives up those of all images if there is no room."""
        try:
            _written(file, content)
        except OSError as error:
            self._given_up = True
            file.truncate(0)
            self.remove()
            logger.warning(
                "%s: nothing can be kept there (%s); if this run is stopped, resume "
                "begins the image anew.",
                file.name,
                error.strerror,
            )

    @contextlib.contextmanager
    def removed_unless_of_use(self) -> Iterator[None]:
        """Removes what was kept at the end, unless another try can go on from there.

        That is so after most errors of the system, such as a network disk that was
        gone for a moment; not with an image that is damaged.
        """
        try:
            yield
        except BaseException as error:
            if _is_of_no_use_after(error):
                self.remove()
            self.tell()
            raise
        self.remove()

    def tell(self) -> None:
        """Says what is left behind for a run that goes on."""
        paths = [self._path(page) for page in range(self._num_images)]
        sizes = {path: path.stat().st_size for path in paths if path.exists()}
        if sizes:
            logger.warning(
                "%s (%d MB) keeps what is computed of %s: go on with resume, or remove "
                "it.",
                ", ".join(map(str, sizes)),
                sum(sizes.values()) // 10**6,
                self._result,
            )

    def make_room(self) -> None:
        """Removes what was kept, and says so: another result may need the room."""
        if any(self._path(page).exists() for page in range(self._num_images)):
            logger.warning(
                "%s: what was computed of it is removed, so that there is room for the "
                "other results.",
                self._result,
            )
        self.remove()

    def remove(self) -> None:
        """Removes what was kept."""
        for page in range(self._num_images):
            self._path(page).unlink(missing_ok=True)

    def _head(self, layout: ImageLayout) -> bytes:
        return hashlib.sha256(f"{self._key} {layout}".encode()).digest()

    def _path(self, page: int) -> pathlib.Path:
        name = short_name(self._result.name)
        return self._result.with_name(f".{name}.{page}{SUFFIX}")


def _is_of_no_use_after(error: BaseException) -> bool:
    may_go_on = may_pass(error) or isinstance(error, TooLittleMemory)
    return isinstance(error, ValueError) and not may_go_on


def _written(file: io.FileIO, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[file.write(left) :]


def _whole_ones(
    file: io.FileIO, plan: TilePlan, layout: ImageLayout
) -> Iterator[Window]:
    """Yields the windows that are whole, and cuts off what comes behind."""
    for top, left, height, width in plan.regions():
        shape = height, width, layout.channels
        start, size = file.tell(), math.prod(shape) * layout.dtype.itemsize
        content = file.read(size)
        if len(content) < size:
            file.truncate(start)
            file.seek(start)
            return
        yield top, left, np.frombuffer(content, layout.dtype).reshape(shape)
