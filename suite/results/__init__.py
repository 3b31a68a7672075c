"""Stored results: their schema, their store, their statistics. Imports nothing else of the suite but errors."""
