"""Parts of sequence models that several methods share."""
