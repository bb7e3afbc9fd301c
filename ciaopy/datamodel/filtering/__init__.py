"""Which rows a virtual file keeps."""
