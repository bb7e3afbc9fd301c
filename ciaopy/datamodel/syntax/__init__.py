"""The language of virtual files and of expressions."""
