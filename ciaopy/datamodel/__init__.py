"""Virtual files, filters, binning, regions, the data subspace."""
