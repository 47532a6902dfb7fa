"""Find out what is wrong between a person and a cluster, and mend what is ours."""
