"""Import from sources: kubeconfigs, Together AI, bundles and typed clusters, by one merge."""
