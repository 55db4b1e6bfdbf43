"""The command keras-unet: parses, calls the verb, prints its result."""

import argparse
import dataclasses
import difflib
import importlib
import io
import logging
import os
import signal
import sys
import threading
from typing import Any, NoReturn

import pipelines
from pipelines import config, flags, tensorflow_start

VERBS: dict[str, tuple[type, str]] = {
    "check": (config.CheckConfig, "say what a set of images and masks holds"),
    "fit": (config.FitConfig, "train a U-Net on image and mask files"),
    "evaluate": (config.EvaluateConfig, "score a trained model"),
    "predict": (config.PredictConfig, "write a mask for each image"),
    "export": (config.ExportConfig, "write a SavedModel for TensorFlow Serving"),
    "serve": (config.ServeConfig, "serve an exported model"),
    "segment": (config.SegmentConfig, "send images through a server"),
    "describe": (config.DescribeConfig, "print a net's feature maps, draw it"),
    "demo": (config.DemoConfig, "everything once, on a small real data set"),
}

WITHOUT_TENSORFLOW = ("serve", "segment")

# Their notes on damaged files and on themselves would drown the one line to be read.
QUIET_LOGGERS = ("tensorflow", "absl", "tifffile")


# Written after a flag that takes none.
SWITCH_WORDS = ("true", "false", "yes", "no", "on", "off")

# Shown of arguments that no verb knows.
MOST_WORDS = 3

# Set, it shows where in the code an error of the input was found.
TRACEBACK_VARIABLE = "KERAS_UNET_TRACEBACK"

_logger = logging.getLogger(__name__)


def main(arguments: list[str] | None = None) -> int:
    """Runs one verb; returns 0 if done, 2 if the input is wrong.

    Asked to end (SIGTERM, as job schedulers and containers do), a verb stops as by
    Ctrl-C: what is half-written is removed, and the way to go on is said.

    Args:
        arguments: words of the command line; by default those of the process.
    """
    parsed, unknown = _parser().parse_known_args(arguments)
    if unknown:
        return _refuse(parsed.verb, _unrecognized(unknown, parsed.verb))
    config_class, _ = VERBS[parsed.verb]
    _start_logging(config_class)
    if os.name == "nt":
        return _refuse(parsed.verb, "needs Linux or macOS; on Windows use WSL.", 1)
    before = _stop_when_asked_to_end()
    try:
        # Wrong flags are told before TensorFlow's seconds.
        settings = flags.to_config(parsed, config_class)
        if parsed.verb not in WITHOUT_TENSORFLOW:
            tensorflow_start.import_tensorflow_quietly()
            tensorflow_start.let_gpus_grow()
        result = getattr(pipelines, parsed.verb)(settings)
    except ValueError as error:
        _logger.debug("Where it was found:", exc_info=True)
        _print(getattr(error, "report", None), config_class)
        _print(getattr(error, "done", None), config_class)
        return _refuse(parsed.verb, flags.name_flags(str(error), config_class))
    except OSError as error:
        _logger.debug("Where it was found:", exc_info=True)
        # A path that the user named cannot be used, or else the machine is at fault.
        return _refuse(parsed.verb, str(error), status=2 if error.filename else 1)
    except _AskedToEnd:
        return _refuse(parsed.verb, "stopped by SIGTERM.", status=143)
    except KeyboardInterrupt:
        return _refuse(parsed.verb, "stopped.", status=130)
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)
    _print(result, config_class)
    return 0


class LinesOfTerminal(logging.Formatter):
    """Shows control characters, and calls settings by flags in warnings.

    Warnings are also read in Python; the plan of `fit`, no warning, names settings as
    config.json does.
    """

    def __init__(self, config_class: type) -> None:
        super().__init__()
        self._config_class = config_class

    def format(self, record: logging.LogRecord) -> str:
        """Returns the message."""
        text = _printable(super().format(record))
        if record.levelno < logging.WARNING:
            return text
        return flags.name_flags(text, self._config_class)


def _start_logging(config_class: type) -> None:
    level = logging.DEBUG if TRACEBACK_VARIABLE in os.environ else logging.INFO
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LinesOfTerminal(config_class))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for name in (__name__, "pipelines"):
        logging.getLogger(name).setLevel(level)
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)


class _AskedToEnd(KeyboardInterrupt):
    """The process got SIGTERM."""


def _stop_when_asked_to_end() -> Any:
    """Lets SIGTERM stop a verb; returns the handler before, None without a change."""
    if threading.current_thread() is not threading.main_thread():
        return None

    def stop(*_: object) -> NoReturn:
        raise _AskedToEnd

    return signal.signal(signal.SIGTERM, stop)


def _print(result: object, config_class: type) -> None:
    """Prints what a verb has to say, if anything; a table calls settings by flags."""
    if result is None or result == []:
        return
    # A list is of files.
    text = "\n".join(map(str, result)) if isinstance(result, list) else str(result)
    if hasattr(result, "findings"):
        text = flags.name_flags(text, config_class)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Names of files that are no text go out as they are.
        sys.stdout.reconfigure(errors="surrogateescape")
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _unrecognized(words: list[str], verb: str) -> str:
    more = len(words) - MOST_WORDS
    shown = " ".join(words[:MOST_WORDS]) + (f" and {more} more" if more > 0 else "")
    way_out = f"keras-unet {verb} --help lists the settings."
    names = [field.name for field in dataclasses.fields(VERBS[verb][0])]
    written = words[0].partition("=")[0].strip("-").replace("-", "_")
    alike = difflib.get_close_matches(written, names, 1)
    if words[0].startswith("--") and alike:
        way_out = f"did you mean --{alike[0].replace('_', '-')}? {way_out}"
    elif words[0].lower() in SWITCH_WORDS:
        way_out = f"a yes-or-no setting takes no value: --NAME or --no-NAME; {way_out}"
    elif not words[0].startswith("-"):
        # Most likely the shell has put names in the place of a pattern.
        way_out = (
            "put a pattern in quotes ('images/*.tif'), or name the folder; " + way_out
        )
    return f"unrecognized arguments: {shown}; {way_out}"


def _refuse(verb: str, message: str, status: int = 2) -> int:
    line = _printable(" ".join(message.split()))
    sys.stderr.write(f"keras-unet {verb}: {line}\n")
    return status


def _printable(text: str) -> str:
    """Returns a text with what a terminal would take for commands written out.

    Such as bytes of a server that speaks another protocol.
    """
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)


class _Parser(argparse.ArgumentParser):
    """Refuses in one line; argparse would print the usage, longer than a screen."""

    def error(self, message: str) -> NoReturn:
        """Writes the line and exits with status 2."""
        self.exit(
            2, f"{self.prog}: {message}; {self.prog} --help lists the settings.\n"
        )


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="keras-unet",
        description="U-Nets in Keras, from image files to a served mask.",
        epilog="keras-unet VERB --help lists the settings of a verb.",
    )
    version = importlib.import_module("keras_unet").__version__
    parser.add_argument("--version", action="version", version=version)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb, (config_class, text) in VERBS.items():
        subparser = verbs.add_parser(verb, help=text, description=text)
        flags.add_flags(subparser, config_class)
    return parser


if __name__ == "__main__":
    sys.exit(main())
