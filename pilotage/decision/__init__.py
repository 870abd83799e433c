"""Deciding about one candidate message: consent, suppression, quiet hours and budgets, in that order."""
