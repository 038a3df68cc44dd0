"""The only user of pyroute2: asks the kernel about the sockets of a network namespace."""
