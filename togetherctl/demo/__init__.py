"""An issuer and a small API server on loopback, for `togetherctl demo` and for trying togetherctl out. Nothing else uses it."""
