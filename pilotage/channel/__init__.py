"""Channels: small plugins that hand one action to the outside world and say what became of it."""
