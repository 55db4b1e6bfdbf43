"""A training step on one tile: its time, and the peak memory of the process."""

import argparse
import json
import resource
import sys
import time

import keras
import tensorflow as tf

import keras_unet
from keras_unet.gradient_checkpointing import CheckpointedUNet
from pipelines.inference import policy

parser = argparse.ArgumentParser()
parser.add_argument("--variant", default="padded")
parser.add_argument("--base-filters", type=int, default=64)
parser.add_argument("--side", type=int, default=572)
parser.add_argument("--precision", default="float32")
parser.add_argument("--checkpointing", action="store_true")
parser.add_argument("--steps", type=int, default=3)
given = parser.parse_args()

with policy(given.precision):
    model = keras_unet.build_unet(
        given.variant,
        (None, None, 1),
        1,
        base_filters=given.base_filters,
        activation=None,
    )
    if given.checkpointing:
        model = CheckpointedUNet(model.input, model.output)
    model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))
kept = keras_unet.geometry.output_size(given.side, 4, given.variant)
image = tf.random.normal((1, given.side, given.side, 1), seed=0)
mask = tf.cast(tf.random.normal((1, kept, kept, 1), seed=1) > 0, tf.float32)
# Traces, and takes the memory.
model.train_on_batch(image, mask)
start = time.perf_counter()
for _ in range(given.steps):
    model.train_on_batch(image, mask)
seconds = (time.perf_counter() - start) / given.steps
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
sys.stdout.write(json.dumps({"seconds": seconds, "peak_megabytes": peak}) + "\n")
