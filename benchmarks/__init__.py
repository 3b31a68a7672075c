"""How fast the suite is, measured beside what else one would use: ``make perf``, or ``python -m benchmarks PIECE``."""
