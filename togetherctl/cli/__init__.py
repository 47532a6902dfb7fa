"""The command line apart from its verbs: running, printing, asking, and what verbs have in common."""
