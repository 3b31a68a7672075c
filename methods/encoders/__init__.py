"""Encoders whose weights are packaged, one per file."""
