"""Coordinates: chip to sky, aspect solution, tangent plane."""
