"""The kernel as a source: probes, their perf buffer and the task_file iterator, through BCC."""
