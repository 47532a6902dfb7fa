"""Ways to a first token, one file each (RFC 6749, 1.3)."""
