"""Keeping tokens: what a session looks like on disk, and who may touch it when."""
