"""Aspect histograms, instrument maps, exposure maps."""
