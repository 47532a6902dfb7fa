"""Where clusters come from: each source makes the same offers, and a plan puts them into the store."""
