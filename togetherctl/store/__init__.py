"""The configuration file: profiles, issuers and clusters in TOML, read, checked, resolved and edited."""
