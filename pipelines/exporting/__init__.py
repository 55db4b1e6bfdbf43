"""export: writes a run as a SavedModel for TensorFlow Serving."""
