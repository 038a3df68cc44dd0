"""What the screen is at, apart from how it looks."""
