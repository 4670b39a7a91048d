"""Benchmarks: every claim of speed has a command here that anyone can repeat."""
