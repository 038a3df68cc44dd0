"""What is shown over the main screen until a key closes it."""
