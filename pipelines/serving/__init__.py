"""serve: starts TensorFlow Serving, or the development server."""
