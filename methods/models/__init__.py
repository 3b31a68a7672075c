"""Compressed models: what stores a model's matrices in fewer bytes."""
