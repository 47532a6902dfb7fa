"""The whole life of a session against a live provider: `make acceptance ISSUER_URL=… CLIENT_ID=…`."""
