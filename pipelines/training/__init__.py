"""fit: from a checked data set to a run folder, and on after a kill."""
