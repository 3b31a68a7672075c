"""Published systems, one folder each; baselines, encoders, compressors and named models, one file each."""
