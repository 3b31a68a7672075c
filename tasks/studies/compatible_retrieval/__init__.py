"""Backward-compatible retrieval."""
