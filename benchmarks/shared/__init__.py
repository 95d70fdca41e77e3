"""Shared parts of the benchmarks: engines in separate processes, and speech parts with constant behaviour."""
