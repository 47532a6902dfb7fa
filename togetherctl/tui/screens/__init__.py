"""Screens and boxes that fill the terminal."""
