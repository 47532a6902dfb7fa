"""What people bring along from kubelogin: its command line, its stanzas in kubeconfigs, and its cache."""
