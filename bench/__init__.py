"""The benchmark: what epolltop costs and how quick it is, against its budgets, in one run."""
