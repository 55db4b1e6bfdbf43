"""evaluate: scores a run on images and masks."""
