"""Data sets as declarations: where they come from, and the content hash that they must have."""
