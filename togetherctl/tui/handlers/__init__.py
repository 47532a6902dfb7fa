"""What the actions do: each runs as a job on a thread and reports its steps."""
