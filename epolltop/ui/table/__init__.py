"""A table of many rows that costs what is on screen of it."""
