"""An issuer and a small API server on loopback, for `togetherctl demo`; nothing else uses them."""
