"""Import clusters from the command line: what `init` and `profile import` share."""
