"""What went wrong in reading a tile, in the words of the reader."""

import re

import tensorflow as tf

# TensorFlow puts the words between its own and a traceback.
_WORDS = re.compile(r"\b(?:UnreadableImage|ValueError): (.+?)\s*\nTraceback", re.S)


def readable(error: tf.errors.OpError) -> Exception:
    """Returns the ValueError of an image that could not be read, or else the error.

    Args:
        error: from the iterator of a tile stream, or from `model.fit` on one.
    """
    found = _WORDS.search(str(error.message))
    return error if found is None else ValueError(" ".join(found[1].split()))
