"""Task families, one per file, with their instances declared in YAML beside them."""
