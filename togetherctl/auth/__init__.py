"""The auth engine: serve, refresh, log in, for every profile."""
