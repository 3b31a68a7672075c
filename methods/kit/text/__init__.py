"""MiniLM, its training and its token vectors, as several methods use them."""
