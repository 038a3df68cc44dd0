"""The terminal, and every private name of Textual."""
