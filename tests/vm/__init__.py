"""The kernel matrix: boots kernels under QEMU and runs tests/rungs in them (`make test-vm`)."""
