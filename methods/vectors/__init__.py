"""Methods that read vectors: activations and embeddings."""
