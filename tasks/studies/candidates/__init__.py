"""Candidates for multi-vector retrieval."""
