"""Methods that read image."""
