"""Front ends without a terminal UI: batch tables, snapshot files, event lines, the doctor's report."""
