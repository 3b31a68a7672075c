"""Regression on labels."""
