"""The only user of libbcc and bpf(2): compiles, loads, attaches, reads maps and buffers."""
