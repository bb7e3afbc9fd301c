"""One module per CIAO tool."""
