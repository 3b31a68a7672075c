"""Compressors: what turns vectors into a smaller representation, one a file."""
