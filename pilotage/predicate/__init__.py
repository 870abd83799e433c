"""The condition language: SQL boolean expressions, parsed, typed against contracts and the profile, compiled to Python."""
