"""Running `advance` with durable storage: stores, shards, the loop with group commit, timers, the dispatcher."""
