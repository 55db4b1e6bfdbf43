"""TIFF files: which images they hold, and their pixels by windows."""
