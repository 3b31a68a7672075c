"""Weights of a model in fewer bytes."""
