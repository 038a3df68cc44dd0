"""The only reader of /proc, and kcmp(2), which compares what it lists."""
