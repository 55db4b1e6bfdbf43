"""The fastest 3x3 convolutions that TensorFlow does here: 128 channels, bfloat16.

Some after another on large feature maps, so that calls cost next to nothing. Which
size suits the caches is the machine's matter: the fastest of these counts.
"""

import json
import math
import sys
import time

import pass_clock
import tensorflow as tf

CHANNELS, CONVOLUTIONS = 128, 4
# (batch, height, width).
SIZES = ((1, 128, 128), (1, 256, 256), (8, 128, 128))


def gigaflops(size, seconds):
    features = tf.cast(tf.random.normal((*size, CHANNELS)), tf.bfloat16)
    shape = (3, 3, CHANNELS, CHANNELS)
    # Such weights leave features as large as they were.
    spread = (1 / (9 * CHANNELS)) ** 0.5
    weights = [
        tf.Variable(tf.cast(tf.random.normal(shape, stddev=spread), tf.bfloat16))
        for _ in range(CONVOLUTIONS)
    ]

    @tf.function
    def convolved(features):
        for weight in weights:
            features = tf.nn.conv2d(features, weight, strides=1, padding="SAME")
        return features

    for _ in range(2):
        convolved(features)
    start, calls = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        # Reading a number waits for the convolutions.
        convolved(features)[0, 0, 0, 0].numpy()
        calls += 1
    passed = time.perf_counter() - start
    multiply_adds = CONVOLUTIONS * math.prod(shape) * math.prod(size)
    return calls * 2 * multiply_adds / passed / 10**9


given = pass_clock.arguments()
fastest = max(gigaflops(size, given.seconds / len(SIZES)) for size in SIZES)
sys.stdout.write(json.dumps({"gigaflops": fastest}) + "\n")
