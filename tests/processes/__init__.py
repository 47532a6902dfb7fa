"""Real processes, many at a time."""
