"""A small company for tests of review at the command line: a production workspace, people with keys, and their acts as commands."""

import contextlib
import io
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pilotage.app.cli import invoke
from pilotage.app.exits import Trouble
from pilotage.app.starter import init
from pilotage.app.system import RunOptions, prepare
from pilotage.audit import keyfile
from tests.app.serving import WRITE_KEY

JOURNEY = "onboarding.welcome.first_order"
PEOPLE = {
    "ada": ("owner",),
    "ben": ("reviewer",),
    "cleo": ("privacy", "reviewer"),
    "dan": ("council",),
    "eva": ("council",),
    "olga": ("operator",),
}
REASONS = ("--intent", "remind sooner", "--hypothesis", "two hours are long", "--effect", "+5 % orders", "--rollback", "release 1 again")


WITHOUT_WORKSPACE = ("why", "audit")
"""Commands that ask a data folder and no workspace."""


@contextlib.contextmanager
def keyring(folder: Path) -> Iterator[None]:
    """Keys of people in a folder, opened by one passphrase that is stretched little."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PILOTAGE_KEYS", str(folder / "keys"))
        patch.setenv("PILOTAGE_PASSPHRASE", "correct horse")
        patch.setenv("NO_COLOR", "1")
        patch.setattr(keyfile, "COST", 16)
        yield


class Company:
    """A workspace marked production with six people. Commands run in this process, so that their output is read as data."""

    def __init__(self, folder: Path) -> None:
        self.workspace = folder / "workspace"
        self.data = self.workspace / "data"

    def begin(self) -> None:
        """Begin the workspace, and let everybody have a key."""
        init(self.workspace, write_key=WRITE_KEY)
        self.rewrite("pilotage.yaml", "name: development\n  production: false", "name: live\n  production: true")
        owner = "owner: {responsible: growth, accountable: ada, consulted: [cleo], informed: []}"
        self.rewrite("journeys/welcome.yaml", "owner: {responsible: lifecycle-team, accountable: head-of-crm}", owner)
        for person, roles in PEOPLE.items():
            options = [option for role in roles for option in ("--role", role)]
            self.told("person", "add", person, *options, *(("--team", "growth") if person == "ada" else ()))

    @property
    def document(self) -> Path:
        """The journey's document."""
        return self.workspace / "journeys" / "welcome.yaml"

    def rewrite(self, path: str, old: str, new: str) -> None:
        """Replace a text that stands in a document."""
        file = self.workspace / path
        text = file.read_text()
        assert old in text, old
        file.write_text(text.replace(old, new))

    def told(self, *arguments: str, code: int = 0) -> Any:
        """What a command says, as data; its trouble if it has one."""
        place = () if arguments[0] in WITHOUT_WORKSPACE else ("--workspace", str(self.workspace))
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            ended = invoke([*arguments, *place, "--json"])
        assert code == ended, err.getvalue() or out.getvalue()
        return json.loads(out.getvalue() or err.getvalue())

    def refused(self, *arguments: str, reason: str, code: int = 1) -> None:
        """A command is refused with a reason, and a cure."""
        said = self.told(*arguments, code=code)
        assert re.search(reason, said["error"]), said["error"]

    def propose(self, author: str = "ada", code: int = 0) -> Any:
        """Propose what the workspace is."""
        return self.told("propose", *REASONS, "--as", author, code=code)

    def approve(self, proposal: str, *people: str) -> Any:
        """Have people approve."""
        return [self.told("review", "approve", proposal, "--as", person) for person in people][-1]

    def release(self, *people: str) -> str:
        """Propose, approve and release what the workspace is; the proposal's id."""
        proposal: str = self.propose()["id"]
        self.approve(proposal, *people)
        self.told("release", proposal, "--as", "olga")
        return proposal

    def first_release(self) -> str:
        """Release the workspace as it was begun: all of it is new, so the council has its say."""
        return self.release("ben", "cleo", "dan", "eva")

    def runs(self) -> str:
        """Why the workspace may not run, or nothing. Where it may, it is refused the port, which comes last."""
        options = RunOptions(self.workspace, self.data, "192.0.2.1")
        with pytest.raises(Trouble) as refused:
            prepare(options, os.environ)
        return "" if "cannot listen on 192.0.2.1" in str(refused.value) else f"{refused.value}; {refused.value.cure}"
