"""What accounts rest on: canonical bytes, signatures, entries chained by digest, checkpoints, and how all of it is verified."""
