"""kubelogin's command line: what its flags say, and the profile without a name that they make."""

# What togetherctl is called when kubectl finds it as a plugin.
PLUGIN = "kubectl together-login"
