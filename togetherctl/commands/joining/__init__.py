"""What `init` and `profile import` share: gathering what sources offer, choosing, and showing what would be written."""
