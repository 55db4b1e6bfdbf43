import json
import subprocess
import sys

import numpy as np

# TensorFlow makes logical devices only at its start: a process of its own.
TRAIN = """
import json
import tensorflow as tf
processor = tf.config.list_physical_devices("CPU")[0]
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(processor, two)
import keras
import numpy as np
from keras_unet.layers import FusedBatchNormalization
from pipelines.training.replica_statistics import ReplicaStatistics
with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
    normalised = FusedBatchNormalization(momentum=0.5)
    model = keras.Sequential([keras.Input((2, 2, 1)), normalised])
    model.compile("sgd", "mse")
images = np.zeros((4, 2, 2, 1), "float32")
images[2:] = 8
stream = tf.data.Dataset.from_tensors((images, images)).repeat(2)
model.fit(stream, verbose=0, shuffle=False, callbacks=[ReplicaStatistics()])
found = [float(np.asarray(w)[0]) for w in normalised.get_weights()[2:]]
print(json.dumps(found))
"""


def test_moving_statistics_are_the_means_of_all_devices():
    done = subprocess.run([sys.executable, "-c", TRAIN], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    mean, variance = json.loads(done.stdout.splitlines()[-1])
    # Means of 0 on one device and 8 on the other, from 0, by a half in each step:
    # 0.5 * 4, then 0.5 * 2 + 0.5 * 4. Variances of 0, from 1.
    np.testing.assert_allclose([mean, variance], [3, 0.25], atol=1e-6)
