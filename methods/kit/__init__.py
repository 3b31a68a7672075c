"""What several methods share; never scanned for methods."""
