"""The clusters API of Together AI."""
