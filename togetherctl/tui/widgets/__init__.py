"""The parts of screens: the table, the details, the welcome page."""
