"""Methods that read bytes."""
