"""Journeys: documents, the compiled plan, and `advance`, the one pure function that decides."""
