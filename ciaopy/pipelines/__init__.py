"""Pipelines: the recipes."""
