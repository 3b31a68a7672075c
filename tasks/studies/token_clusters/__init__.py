"""How tightly the token vectors of a text cluster."""
