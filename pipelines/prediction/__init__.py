"""predict: from image files to mask files in constant memory."""
