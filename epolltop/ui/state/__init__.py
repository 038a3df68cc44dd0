"""The state of the screen, apart from its looks."""
