"""Image files that are written: appear whole, are recorded, and are known again."""
