"""Models by name: one class a prefix (``st:NAME``, ``mteb:NAME``, ``timm:NAME``, ``lm:NAME``)."""
