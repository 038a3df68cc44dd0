"""What is known: batches of facts come in, a world is kept, frozen snapshots go out. No clock, no files, no probes."""
