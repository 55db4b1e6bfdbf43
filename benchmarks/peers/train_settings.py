"""The net that `fit` trains, by `model.fit` on one batch, with settings that it leaves.

Without flags as `fit` trains it.
"""

import argparse

import keras
import step_clock
import tensorflow as tf
from clock import BATCH_SIZE, count_tiles

import keras_unet
from pipelines.inference import policy
from pipelines.training import precision

parser = argparse.ArgumentParser()
parser.add_argument("--base-filters", type=int, default=16)
parser.add_argument("--seconds", type=float, default=10.0)
parser.add_argument("--precision", default="auto")
parser.add_argument("--steps-a-call", type=int, default=1)
parser.add_argument("--steps", type=int, default=8, help="of an epoch")
parser.add_argument("--xla", action="store_true")
parser.add_argument("--threads", type=int, default=0, help="of an operation; 0: auto")
given = parser.parse_args()
tf.config.threading.set_intra_op_parallelism_threads(given.threads)
batch = tf.data.Dataset.from_tensors(step_clock.batch()).repeat()
with policy(precision.resolve(given.precision)):
    model = keras_unet.build_unet(base_filters=given.base_filters, activation=None)
    model.compile(
        "adam",
        keras.losses.BinaryCrossentropy(from_logits=True),
        steps_per_execution=given.steps_a_call,
        jit_compile=given.xla,
    )


def steps():
    while True:
        model.fit(batch, steps_per_epoch=given.steps, verbose=0)
        yield (range(given.steps * BATCH_SIZE),)


count_tiles(steps(), given.seconds, warm_up=1)
