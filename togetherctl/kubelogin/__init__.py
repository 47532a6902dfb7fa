"""What people bring along from kubelogin: its flags, its stanzas in kubeconfigs, and its cache."""
