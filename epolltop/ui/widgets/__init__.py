"""What surrounds the tables on the main screen."""
