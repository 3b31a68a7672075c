"""The shared store of backbone outputs: thirty methods on one backbone cost one pass."""
