"""chandra_repro and splitobs: from the archive's files to new events."""
