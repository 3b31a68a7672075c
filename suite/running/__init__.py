"""Running cells: worker processes, limits, progress."""
