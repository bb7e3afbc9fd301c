"""ACIS event science."""
