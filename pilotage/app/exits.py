"""Exit codes, and the one exception that ends a command: what happened, and what to do about it.

The codes from 64 on are those of BSD's sysexits, so that shell scripts and service supervisors can tell them apart.
"""

OK = 0
NEGATIVE = 1
"""The command worked and the answer is no: findings, nothing found, a check that failed."""
USAGE = 2
UNDECIDED = 3
"""The command worked, and the answer is neither yes nor no: something could not be decided."""
NO_INPUT = 66
"""A file or folder that was named is not there or cannot be read."""
UNAVAILABLE = 69
"""A port is taken, or the running process does not answer."""
FAULT = 70
"""Pilotage itself failed; everything acknowledged is on disk."""
STORE_FULL = 74
"""The disk takes no writes; everything acknowledged is on disk."""
BUSY = 75
"""Another process runs on the data folder."""
CONFIG = 78
"""The workspace or the data folder is not fit to run."""
INTERRUPTED = 130


class Trouble(Exception):
    """A command cannot go on. `code` is the exit code; `cure` says what to do."""

    def __init__(self, message: str, code: int, cure: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.cure = cure
