"""What no test depends on: the machine's load, and how the tests were started."""

from __future__ import annotations

import signal

from hypothesis import HealthCheck, settings

# Examples of property tests may take as long as a busy machine needs.
settings.register_profile("any-load", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-load")

# Whoever starts the tests in the background of a script has them ignore Ctrl-C, and with them all commands they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
