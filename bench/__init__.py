"""The benchmarks: what Pilotage does per second, how long it takes, how much memory it needs, and what bounds each figure."""
