"""The subject: what the orchestrator knows about one person, as plain data with a canonical byte form, and identity."""
