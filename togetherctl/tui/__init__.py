"""The terminal interface: a table of all sessions, and actions on them. It has no auth logic and no command line."""
