"""Opens a saved file again: a recording or a snapshot file."""
