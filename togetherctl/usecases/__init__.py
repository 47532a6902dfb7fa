"""What a face can have done that takes the store, sessions, kubeconfigs and clusters together: one use case a file."""
