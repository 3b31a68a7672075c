"""Canvases under a token budget."""
