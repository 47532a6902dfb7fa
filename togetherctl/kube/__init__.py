"""The Kubernetes side: exec credentials, kubeconfig files and questions to clusters."""
