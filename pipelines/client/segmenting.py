"""The verb `segment`: image files in, mask files out, through running servers.

Images travel as the bytes of PNG or JPEG files, which is thirty times as quick as lists
of numbers; those that are too large for the servers, or that PNG cannot hold, as
regions.
"""

import collections
import contextlib
import functools
import itertools
import logging
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path

import tqdm

from pipelines.client.connecting import connect
from pipelines.client.done_record import DoneRecord
from pipelines.client.failures import ServerFailure
from pipelines.client.golden import GoldenReport, check_golden
from pipelines.client.in_order import in_order
from pipelines.client.mask_files import write_masks
from pipelines.client.pool import ServerPool
from pipelines.client.sending import SentImage, send_image
from pipelines.client.service import Service, at_work
from pipelines.config import SegmentConfig
from pipelines.images import ImageEntry, find_images
from pipelines.results.done_files import DoneFiles
from pipelines.results.file_failures import FilesError, sentence, summary
from pipelines.results.own_results import OwnResults
from pipelines.results.writing import check_writable, output_paths

logger = logging.getLogger(__name__)


def segment(config: SegmentConfig) -> list[Path] | GoldenReport:
    """Sends images through servers and writes the masks, or checks what they serve.

    PNG and JPEG files go as they are, one a request; other images as PNG; images
    beyond the servers' limit in regions. An image that cannot be read or is refused
    does not stop the others; servers that are lost do.

    Returns:
        The files that are done: STEM.png, or STEM.tif for TIFF input, for stacks and
        for masks that are too large for a PNG. With `check`, what was checked.

    Raises:
        ValueError: no image is found, or no server can be reached or is ready (nothing
            is written then), or something that is no result has the name of one; with
            `check`, the answers differ.
        FilesError: some images failed, after all the others are done, or the servers
            were lost; a ValueError that lists what is done.
    """
    servers = connect(config.url, config.timeout)
    pool = ServerPool(servers, config.retries)
    with contextlib.closing(pool):
        if config.check is not None:
            return check_golden(servers, config.retries, Path(config.check))
        entries = find_images(str(config.images), damaged=True)
        files: dict[Path, list[ImageEntry]] = collections.defaultdict(list)
        paths = output_paths(entries, str(config.out))
        for path, entry in zip(paths, entries, strict=True):
            files[path].append(entry)
        pool.check()
        check_writable(paths[0].parent)
        with at_work(pool) as service:
            return _segment_files(config, service, files)


def _segment_files(
    config: SegmentConfig, service: Service, files: Mapping[Path, list[ImageEntry]]
) -> list[Path]:
    # Without `about` the address has to tell the model.
    done = DoneFiles(["segment", service.about.text if service.about else config.url])
    record = DoneRecord(done, service)
    results: dict[Path, Path] = {}
    if config.resume:
        found = {path: done.find(file[0].path, path) for path, file in files.items()}
        results = {path: result for path, result in found.items() if result is not None}
    failures: list[str] = []
    todo = {path: file for path, file in files.items() if path not in results}
    own = OwnResults()
    for path in todo:
        own.check(path)
    taken = {*files, *results.values()}
    try:
        for path, key, result in _written(service, done, own, todo, taken):
            if isinstance(result, Path):
                results[path] = result
                record.add(path, key, result)
            else:
                failures.append(sentence(files[path][0].path, path, result))
                if len(files) > 1:
                    logger.warning("%s", failures[-1])
        record.close()
    except KeyboardInterrupt:
        record.close_at_once()
        raise
    except ServerFailure as failure:
        # They have been waited for.
        record.close_at_once()
        if not results:
            raise
        before = f" {summary(failures, len(files))}" if failures else ""
        raise FilesError(
            f"{failure} {len(results)} of {len(files)} files are done; resume leaves "
            f"{record.left_out} out.{before}",
            _in_order_of(files, results),
        ) from failure
    if failures:
        raise FilesError(summary(failures, len(files)), _in_order_of(files, results))
    return _in_order_of(files, results)


def _written(
    service: Service,
    done: DoneFiles,
    own: OwnResults,
    files: Mapping[Path, list[ImageEntry]],
    taken: set[Path],
) -> Iterator[tuple[Path, str, Path | Exception]]:
    """Yields each file, its key, and where it is written, or why it is not."""
    given_up: set[Path] = set()

    def send(job: tuple[Callable[[], Service], ImageEntry]) -> SentImage:
        served, entry = job
        if entry.path in given_up:
            # Of a stack that failed the rest is passed over.
            return SentImage(entry)
        return send_image(served, done, entry)

    def jobs() -> Iterator[tuple[Callable[[], Service], ImageEntry]]:
        for file in files.values():
            yield from zip(itertools.repeat(_served(service, file)), file)

    def counted(images: Iterator[SentImage]) -> Iterator[SentImage]:
        for image in images:
            yield image
            progress.update()

    def write(
        path: Path, file: list[ImageEntry], images: Iterator[SentImage]
    ) -> tuple[Path, str]:
        with contextlib.closing(_tries(service, done, file, images, given_up)) as tries:
            return service.of_one_version(
                lambda: write_masks(path, taken, next(tries), len(file), own, done)
            )

    sent = in_order(service.executor, send, jobs(), service.pool.num_requests)
    # disable=None: quiet where standard error is not a terminal.
    with (
        contextlib.closing(sent),
        tqdm.tqdm(
            total=sum(map(len, files.values())), unit="image", disable=None
        ) as progress,
    ):
        for path, file in files.items():
            images = counted(itertools.islice(sent, len(file)))
            try:
                result, key = write(path, file, images)
                yield path, key, result
            except ServerFailure:
                raise
            except (ValueError, OSError) as error:
                logger.debug("Where it was found:", exc_info=True)
                given_up.add(file[0].path)
                yield path, "", error
            # What is left of it.
            collections.deque(images, maxlen=0)


def _served(service: Service, file: list[ImageEntry]) -> Callable[[], Service]:
    """Returns what tells who answers for a file: for a stack one version."""
    if len(file) == 1:
        return lambda: service
    # Its images come to the executor later, and wait for it.
    return service.executor.submit(service.pinned).result


def _tries(
    service: Service,
    done: DoneFiles,
    file: list[ImageEntry],
    images: Iterator[SentImage],
    given_up: set[Path],
) -> Generator[Iterator[SentImage], None, None]:
    """Yields the images of a file; after that all of them, sent again."""
    yield images
    given_up.add(file[0].path)
    collections.deque(images, maxlen=0)
    send = functools.partial(send_image, _served(service, file), done)
    again = in_order(service.executor, send, file, service.pool.num_requests)
    with contextlib.closing(again):
        yield again


def _in_order_of(
    files: Mapping[Path, list[ImageEntry]], results: Mapping[Path, Path]
) -> list[Path]:
    return [results[path] for path in files if path in results]
