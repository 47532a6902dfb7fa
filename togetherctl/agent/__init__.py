"""The agent: one process of a user that keeps sessions fresh and hands out credentials over a Unix socket."""
