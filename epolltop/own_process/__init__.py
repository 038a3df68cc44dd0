"""epolltop as a running process: rights, descriptors, environment, signals, writing to stdout."""
