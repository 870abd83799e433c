"""The command `propose`: a change of the workspace, with what is wanted, the evidence, and the author's signature."""

import os
from collections import Counter
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from pilotage.app.acting import As, acting, desk_at
from pilotage.app.exits import NEGATIVE, NO_INPUT, OK, USAGE, Trouble
from pilotage.app.keyring import open_key
from pilotage.app.options import AsJson, RunData, WorkspaceFolder
from pilotage.app.proposing import make_proposal
from pilotage.app.review_views import case_view, print_case, required_of
from pilotage.app.terminal import console, print_json
from pilotage.journey.document import read_document
from pilotage.journey.findings import Report
from pilotage.journey.shape import Form, Key, Value, check
from pilotage.review.proposal import Reasons

_PROPOSAL = Form(
    "the proposal",
    (
        Key("intent", Value(), "what is wanted, and why", required=True),
        Key("hypothesis", Value(), "what is believed to happen", required=True),
        Key("effect", Value(), "the effect expected, and how it is measured", required=True),
        Key("rollback", Value(), "how to go back", required=True),
    ),
)


def propose_command(
    file: Path | None = None,
    *,
    intent: str = "",
    hypothesis: str = "",
    effect: str = "",
    rollback: str = "",
    person: As = "",
    workspace: WorkspaceFolder = Path("."),
    data: RunData = None,
    json: AsJson = False,
) -> int:
    """Propose what the workspace is now: gates, tests and the semantic difference to what runs are its evidence.

    Prints the risk tier with its reasons, and who must approve. Where gates fail, the proposal is kept as refused; exits 1 then.

    Example: pilotage propose --intent "remind sooner" --hypothesis "carts are cold after 4h" --effect "+5 % orders"
    --rollback "release 1 again" --as ada

    Parameters
    ----------
    file
        A YAML file with intent, hypothesis, effect and rollback; what is given as an option comes first.
    intent
        What is wanted, and why.
    hypothesis
        What is believed to happen.
    effect
        The effect expected, and how it is measured.
    rollback
        How to go back.
    """
    written = _read(file) if file is not None else {}
    given = {"intent": intent, "hypothesis": hypothesis, "effect": effect, "rollback": rollback}
    said = {name: text.strip() or written.get(name, "") for name, text in given.items()}
    missing = [name for name, text in said.items() if not text]
    if missing:
        raise Trouble(f"the proposal does not say its {' and '.join(missing)}", USAGE, f'write --{missing[0]} "…", or a file with all four')
    author = acting(person)
    desk = desk_at(workspace, data)
    signer = open_key(author, os.environ)
    told = make_proposal(desk, author, signer, Reasons(**said), _under_way(desk.data))
    if json:
        print_json(case_view(told, desk.now_us()))
    else:
        print_case(console(), told, desk.now_us())
        if not told.case.proposal.refused:
            console().print(f"must approve: {required_of(told.case)}", markup=False)
    return NEGATIVE if told.case.proposal.refused else OK


def _read(file: Path) -> dict[str, str]:
    if not file.is_file():
        raise Trouble(f"there is no file {file}", NO_INPUT, "name one with intent, hypothesis, effect and rollback")
    report = Report()
    document = read_document(file.read_bytes(), str(file), report)
    if document is not None:
        check(document.root, _PROPOSAL, "the proposal", document, report)
    if document is None or report.failed:
        raise Trouble("\n".join(finding.text for finding in report.findings), NO_INPUT, "correct the file")
    return {key.name: document.root.text(key.name) for key in _PROPOSAL.keys}


def _under_way(data: Path) -> Counter[str]:
    """How many people are under way in each journey. What reads a data folder takes long to load, and only one that exists is read."""
    people: Counter[str] = Counter()
    if (data / "environment.json").is_file():
        asked: Callable[..., list[object]] = import_module("pilotage.app.commands_records").asked
        for each in asked(data, lambda reader: reader.resting()):
            people[each.journey] += each.people  # type: ignore[attr-defined]
    return people
