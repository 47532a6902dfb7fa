"""The use cases that the command line and the terminal interface share, one a file."""
