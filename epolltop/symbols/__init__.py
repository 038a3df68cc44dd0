"""Names for addresses of user stacks."""
