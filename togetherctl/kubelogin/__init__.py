"""Compatibility with kubelogin: its command line, its stanzas in kubeconfigs and its token cache."""

# What togetherctl is called when kubectl finds it as a plugin.
PLUGIN = "kubectl together-login"
