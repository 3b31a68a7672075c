"""Needle recall."""
