"""Methods that are there to be compared with, one per file."""
