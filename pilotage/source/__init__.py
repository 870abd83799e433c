"""Where events come from: wire formats and files turned into events, checked, and taken in or quarantined whole."""
