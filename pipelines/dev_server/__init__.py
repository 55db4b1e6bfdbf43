"""TensorFlow Serving's API in Python, for development.

One model manager (`models`), transports beside it (`rest`). Requests that TensorFlow
Serving answers are answered alike, word for word where clients may read the words;
production is TensorFlow Serving.
"""
