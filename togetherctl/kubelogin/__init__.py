"""kubelogin's command line: what its flags say, and the profile without a name that they make."""
