"""Experiments: families in which one system alone takes part, one a folder. Shown apart, and unranked."""
