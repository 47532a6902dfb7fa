"""The terminal interface: every session at a glance. It holds no auth logic and imports nothing of `commands`."""
