"""One-shot memory."""
