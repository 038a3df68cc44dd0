"""The terminal UI. The only package that knows Textual; it draws snapshots and holds no fact of its own."""
