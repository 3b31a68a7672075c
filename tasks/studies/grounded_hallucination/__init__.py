"""Grounded hallucination."""
