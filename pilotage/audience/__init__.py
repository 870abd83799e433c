"""Audiences: named conditions over subjects, who is in them now, since when, and why."""
