"""What a person touches: the workspace on disk, the command line, the HTTP API, and the wiring of all parts."""
