"""Methods that read contexts."""
