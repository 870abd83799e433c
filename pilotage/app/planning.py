"""What to say when a workspace makes no plan."""

from pilotage.app.exits import CONFIG, Trouble
from pilotage.app.workspace import Compiled, errors


def unplanned(compiled: Compiled) -> Trouble:
    """The trouble of a workspace with errors: all of its findings, one a line."""
    lines = "\n".join(finding.text for finding in compiled.findings)
    count = errors(compiled.findings)
    return Trouble(
        f"the workspace has {count} error{'' if count == 1 else 's'}:\n{lines}", CONFIG, "correct them; 'pilotage check' lists them"
    )
