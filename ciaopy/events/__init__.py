"""What event processing of all detectors shares: event definitions, keyed random numbers, status words."""
