"""Task families, one a file, with their instances declared in YAML beside them."""
