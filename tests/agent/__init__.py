"""The agent: what it keeps, what it hands out, and whom it asks."""
