"""What several benchmarks need: engines in processes of their own, and parts that always do the same."""
