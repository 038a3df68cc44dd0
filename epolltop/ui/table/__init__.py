"""A table of many rows whose cost depends only on the rows on screen."""
