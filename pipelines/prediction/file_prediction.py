"""One result file: what is known of it before, and its writing."""

import contextlib
import dataclasses
import errno
import pathlib
import shutil
from collections.abc import Callable, Iterator

from pipelines.files.appearing import appearing
from pipelines.images.cache_folder import FULL
from pipelines.images.damage import changed
from pipelines.images.kinds import TIFF_SUFFIXES
from pipelines.images.orientation import AS_STORED
from pipelines.images.windowed import as_known_length
from pipelines.prediction.image_prediction import ImagePredictor
from pipelines.prediction.kept_windows import KeptWindows
from pipelines.prediction.prediction_files import OutputFile
from pipelines.results.done_files import DoneFiles
from pipelines.results.layout import ImageLayout
from pipelines.results.windowed_writing import write_windowed


@dataclasses.dataclass(frozen=True)
class PreparedFile:
    """A file that can be written.

    Attributes:
        planned: the path that was planned.
        file: what is written, of a kind that holds the result.
        key: what the result depends on, before the work.
        layout: of the first image's result.
        pixels: of each of its images.
        is_placed: its image has a place on earth.
        orientation: that its image is to be shown in.
    """

    planned: pathlib.Path
    file: OutputFile
    key: str
    layout: ImageLayout
    pixels: tuple[int, ...]
    is_placed: bool
    orientation: int = AS_STORED

    @property
    def num_pixels(self) -> int:
        """Of all its images."""
        return sum(self.pixels)

    @property
    def num_bytes(self) -> int:
        """Of the pixels of all results."""
        return self.num_pixels * self.layout.channels * self.layout.dtype.itemsize

    @property
    def loses_place(self) -> bool:
        """Whether its image's georeference is not written."""
        is_alone, is_tiff = len(self.pixels) == 1, self.file.suffix in TIFF_SUFFIXES
        is_kept = is_alone and is_tiff and self.layout.georeference is not None
        return self.is_placed and not is_kept

    @property
    def loses_size(self) -> bool:
        """Whether its image's pixel size is not written."""
        is_png = self.file.suffix == ".png"
        return is_png and as_known_length(self.layout.pixel_size) is not None


@dataclasses.dataclass(frozen=True)
class FilePredictor:
    """Writes result files.

    Attributes:
        predictor: of their images.
        done: knows what results depend on, and records them.
        resume: goes on with images that a stopped run has begun.
        pyramid: adds smaller levels.
    """

    predictor: ImagePredictor
    done: DoneFiles
    resume: bool
    pyramid: bool
    _found_no_room: list[tuple[KeptWindows, int]] = dataclasses.field(
        default_factory=list, init=False
    )

    def make_room(self, prepared: PreparedFile) -> None:
        """Removes what is kept of files that failed on a full disk.

        Not where the disk has room for the next file and its own windows now: another
        process may have filled it for a while, or this file may be small.

        Args:
            prepared: the next file.
        """
        for kept, code in self._found_no_room:
            free = shutil.disk_usage(prepared.file.path.parent).free
            # What a quota leaves to a user is not told.
            if code == errno.EDQUOT or free < 2 * prepared.num_bytes:
                kept.make_room()

    @contextlib.contextmanager
    def _kept(self, prepared: PreparedFile) -> Iterator[KeptWindows]:
        kept = KeptWindows(
            *(prepared.file.path, prepared.key),
            resume=self.resume,
            num_images=len(prepared.file.entries),
        )
        try:
            with kept.removed_unless_of_use():
                yield kept
        except OSError as error:
            if error.errno in FULL:
                self._found_no_room.append((kept, error.errno))
            raise

    def write(
        self,
        prepared: PreparedFile,
        advance: Callable[[int], object],
        *,
        files_at_once: int = 1,
    ) -> PreparedFile:
        """Writes one file, which appears when it is whole.

        Args:
            prepared: the file.
            advance: is called with a number of pixels when they are done.
            files_at_once: files of about its size that share the memory.

        Returns:
            The file.

        Raises:
            ValueError: an image cannot be read, does not fit the net or has changed,
                or the memory does not do.
            OSError: the file cannot be written.
        """
        file = prepared.file
        with (
            self._kept(prepared) as kept,
            appearing(file.path) as partial,
            contextlib.closing(
                self.predictor.images(
                    file.entries,
                    advance,
                    file.path.parent,
                    kept,
                    whole=file.suffix == ".png",
                    files_at_once=files_at_once,
                )
            ) as images,
        ):
            write_windowed(
                partial,
                file.suffix,
                images,
                num_images=len(file.entries),
                num_bytes=prepared.num_bytes,
                placed=prepared.layout.georeference is not None,
                pyramid=self.pyramid,
                ome=file.path.stem.lower().endswith(".ome"),
            )
            if self.done.key(file.input, file.note) != prepared.key:
                raise changed(str(file.input))
            self.done.mark(prepared.planned, prepared.key, file.path, partial)
        return prepared
