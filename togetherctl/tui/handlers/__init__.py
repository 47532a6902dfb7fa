"""What the acts do, each on a thread and told by its steps."""
