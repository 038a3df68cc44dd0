"""The model: it takes batches of facts, keeps a world, and makes frozen snapshots. No clock, no files, no probes."""
