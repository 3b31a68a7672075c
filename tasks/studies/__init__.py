"""Experiments: families in which one system alone takes part, one per folder. Shown apart, and unranked."""
