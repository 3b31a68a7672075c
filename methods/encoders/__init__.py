"""Encoders whose weights are packaged, one a file."""
