"""Profiles, issuers and clusters in one TOML file: read, checked, resolved, edited."""
