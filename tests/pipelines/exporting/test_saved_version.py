import numpy as np
import tensorflow as tf

from pipelines.exporting.saved_version import SavedVersion


class Doubling(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="text")])
    def double(self, text):
        return {"twice": tf.strings.join([text, text]), "length": tf.size(text)}


def test_a_version_answers_by_names(tmp_path):
    module = Doubling()
    tf.saved_model.save(module, str(tmp_path), signatures={"double": module.double})
    version = SavedVersion(tmp_path)
    text = np.empty(1, object)
    text[:] = [b"ab"]
    outputs = version.run("double", {"text": text})
    assert outputs["twice"].tolist() == [b"abab"]
    assert outputs["length"] == 1
    assert version.load_seconds > 0
