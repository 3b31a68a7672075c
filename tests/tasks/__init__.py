"""Tests of task families, their data and their metrics."""
