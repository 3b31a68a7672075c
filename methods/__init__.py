"""Published systems and baselines, one a file, in folders by what they read."""
