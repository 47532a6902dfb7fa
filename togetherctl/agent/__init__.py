"""The agent: one process of a user that keeps sessions ahead and hands credentials out over a Unix socket."""
