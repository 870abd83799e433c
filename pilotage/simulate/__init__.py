"""The demo world on a virtual clock, with the true effect of every journey; and the tests that journeys carry, run on one of their own."""
