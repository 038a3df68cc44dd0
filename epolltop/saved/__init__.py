"""What was saved, opened again: a recording or a snapshot file."""
