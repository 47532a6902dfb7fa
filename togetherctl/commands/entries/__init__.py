"""The verbs that profiles, issuers and clusters have in common; each file makes one verb for each kind."""
