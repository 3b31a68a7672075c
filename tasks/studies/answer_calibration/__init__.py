"""Answer calibration."""
