"""Sparse factor recovery."""
