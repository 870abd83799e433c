"""Data contracts: event types declared by ODCS v3 files, compiled to validators, broken ones refused with the path."""
