"""Downloads: resume, checks."""
