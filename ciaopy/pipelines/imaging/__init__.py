"""fluximage: exposure-corrected images of one observation."""
