"""Compressors weighed on vectors alone: a user's file of them, or arrays."""
