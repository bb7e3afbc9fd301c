"""What is made of events and images: extraction, profiles, statistics, smoothing, regridding, comparison."""
