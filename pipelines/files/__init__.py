"""Files of the disk, whatever is in them: whole or not there, locked, refused."""
