"""Running tools and step lists."""
