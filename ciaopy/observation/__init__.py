"""The files of one observation: archive layout, companions, headers, what belongs together."""
