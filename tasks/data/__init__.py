"""Data sets of the tasks: loaders in Python, declarations in YAML."""
