"""epolltop with the BCCs that the Debian family ships, oldest to newest, on this kernel (`make test-bcc`)."""
