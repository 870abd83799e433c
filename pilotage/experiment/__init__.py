"""Experiments: assignment by salted hash, so that the same subject always gets the same arm."""
