"""Kubernetes' side: the exec credential, and kubeconfig files."""
