"""Consent purposes and contact policies: who may be told what, on which channel, when, and how often."""
