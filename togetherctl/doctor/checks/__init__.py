"""The checks, one file each; a file that holds a `CHECK` is found by itself."""
