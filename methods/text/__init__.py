"""Methods that read text."""
