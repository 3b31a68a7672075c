"""Long-tail recall."""
