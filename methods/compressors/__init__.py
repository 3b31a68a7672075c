"""Compressors: what makes an encoder's vectors smaller. One file, one kind; any encoder, any dimension."""
