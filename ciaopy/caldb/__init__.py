"""Calibration: index, queries, readers, the embedded approximation."""
