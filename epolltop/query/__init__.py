"""Questions to a snapshot: which fields a row has, which rows match, in which order. Pure functions."""
