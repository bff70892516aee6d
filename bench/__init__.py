"""Measurements that take too long for a test, each with the command that repeats it."""
