"""SmolLM2 as several methods read it."""
