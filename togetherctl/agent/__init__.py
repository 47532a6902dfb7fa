"""The agent: one process that keeps sessions ahead and hands credentials out over a socket."""
