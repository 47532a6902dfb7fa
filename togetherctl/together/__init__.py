"""The API of Together AI that lists clusters, and its API key."""
