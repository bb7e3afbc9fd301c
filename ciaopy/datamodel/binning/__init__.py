"""Images from tables."""
