"""Methods that are there to be compared with, one a file."""
