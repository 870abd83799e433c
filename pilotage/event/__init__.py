"""Events: the envelope every source is turned into, time as int64 microseconds UTC, and canonical digests."""
