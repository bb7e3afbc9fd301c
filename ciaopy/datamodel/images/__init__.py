"""Images: filters, access to pixels, grids."""
