"""Few-shot topics."""
