"""Proofs: every content in every language, marked, on the screen, as files, and to a seed list and nobody else."""

import json
import socket
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller

from pilotage.app.cli import invoke
from tests.app.serving import Served
from tests.channel.test_smtp import Mailbox

WORDS = """\
schema: 1
kind: content
name: welcome
channel: email
brand: house
locale: en
subject: "Welcome, {{ customer.first_name }}"
text: "Hello {{ customer.first_name }}. {{ brand.footer }} {{ unsubscribe_url }}"
mjml: |
  <mjml lang="en"><mj-body><mj-section><mj-column>
    <mj-text>Hello {{ customer.first_name }}</mj-text>
  </mj-column></mj-section></mj-body></mjml>
locales:
  de: {subject: "Willkommen, {{ customer.first_name }}", text: "Hallo {{ customer.first_name }}. {{ brand.footer }}"}
"""
BRAND = (
    "schema: 1\nkind: brand\nname: house\npurposes: [service.account]\nsender: House <hello@house.example>\nfooter: House, Main Street\n"
)
SEEDS = """\
schema: 1
kind: seeds
name: reviewers
recipients:
  - {address: anna@example.test, locales: [de]}
  - {address: ben@example.test}
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """The starter's workspace, whose welcome is an e-mail of a brand in two languages."""
    folder = tmp_path / "shop"
    assert 0 == invoke(["init", str(folder)])
    for place in ("brands", "seeds"):
        (folder / place).mkdir()
    (folder / "content" / "welcome.yaml").write_text(WORDS)
    (folder / "brands" / "house.yaml").write_text(BRAND)
    (folder / "seeds" / "reviewers.yaml").write_text(SEEDS)
    change(folder / "profile.yaml", "attributes:\n", "attributes:\n  locale: {type: string}\n")
    journey = next((folder / "journeys").iterdir())
    change(journey, "{id: greet, send: console,", "{id: greet, send: email,")
    change(journey, "marketing.onboarding: [console]", "marketing.onboarding: [console, email]")
    channel = "email: {host: 127.0.0.1, port: 1, sender: shop@example.test, security: none}"
    change(folder / "pilotage.yaml", "channels:\n", f"channels:\n    {channel}\n")
    return folder


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text, (path.name, old, text)
    path.write_text(text.replace(old, new))


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, object]:
    """What the command says, as data."""
    capsys.readouterr()
    assert code == invoke(["proof", *arguments, "--json"])
    said = capsys.readouterr()
    return json.loads(said.out or said.err)  # type: ignore[no-any-return]


def test_a_content_is_shown_in_each_language(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each language is rendered as a customer would read it, with values as they are given, and every part is marked."""
    found = told(capsys, "welcome", "--set", "customer.first_name=Ada", "--workspace", str(workspace))["proofs"]
    assert isinstance(found, list)
    assert ["de", "en"] == [each["locale"] for each in found]
    german, english = (each["parts"] for each in found)
    assert ("[PROOF de] Willkommen, Ada", "[PROOF en] Welcome, Ada") == (german["subject"], english["subject"])
    assert "Hallo Ada. House, Main Street" in german["text"] and german["text"].startswith("Proof of welcome in de")
    assert "Proof of welcome in de." in german["html"] and "Hello Ada" in german["html"]
    assert "proof.invalid" in english["text"]
    assert [["onboarding.welcome.first_order / greet"]] * 2 == [each["sent_by"] for each in found]


def test_a_journey_is_shown_with_all_that_it_sends(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A journey's proofs are those of all its contents; one language may be asked for."""
    name = "onboarding.welcome.first_order"
    found = told(capsys, name, "--workspace", str(workspace))["proofs"]
    assert [("first-order", ""), ("welcome", "de"), ("welcome", "en")] == [(each["content"], each["locale"]) for each in found]  # type: ignore[attr-defined]
    one = told(capsys, name, "--locale", "de", "--workspace", str(workspace))["proofs"]
    assert ["welcome"] == [each["content"] for each in one]  # type: ignore[attr-defined]


def test_proofs_are_written_as_files(workspace: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Each part of each language is a file that a browser or a person opens."""
    told(capsys, "welcome", "--out", str(tmp_path / "out"), "--workspace", str(workspace))
    names = [
        "welcome.de.html",
        "welcome.de.subject.txt",
        "welcome.de.text.txt",
        "welcome.en.html",
        "welcome.en.subject.txt",
        "welcome.en.text.txt",
    ]
    assert names == sorted(path.name for path in (tmp_path / "out").iterdir())
    assert "Proof of welcome in de" in (tmp_path / "out" / "welcome.de.html").read_text()


def test_proofs_go_to_the_seeds_that_may_be_reached(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Over a real server: each seed gets the languages it wants, from the brand's sender, marked in subject and header; whom the
    environment may not reach gets nothing, and the command says so."""
    mailbox = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = Controller(mailbox, hostname="127.0.0.1", port=port)
    server.start()
    try:
        change(workspace / "pilotage.yaml", "port: 1,", f"port: {port},")
        allowed = (workspace / "pilotage.yaml").read_text()
        (workspace / "pilotage.yaml").write_text(allowed.replace("*@example.test", "anna@example.test"))
        sent = told(capsys, "welcome", "--to", "reviewers", "--workspace", str(workspace), code=1)["sent"]
        assert [("anna@example.test", "de", "sent"), ("ben@example.test", "de", "refused"), ("ben@example.test", "en", "refused")] == [
            (each["address"], each["locale"], each["fate"])
            for each in sent  # type: ignore[attr-defined]
        ]
        (mail,) = mailbox.mails
        assert ("anna@example.test", "House <hello@house.example>") == (mail["To"], mail["From"])
        assert mail["Subject"].startswith("[PROOF de] Willkommen")
        assert mail["X-Pilotage-Proof"].startswith("welcome@")
        (workspace / "pilotage.yaml").write_text(allowed)
        assert 3 == len(told(capsys, "welcome", "--to", "reviewers", "--workspace", str(workspace))["sent"])  # type: ignore[arg-type]
        assert 4 == len(mailbox.mails)
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["welcom"], "did you mean 'welcome'?"),
        (["welcome", "--locale", "fr"], "its languages are: de, en"),
        (["welcome", "--set", "customer.name=x"], "did you mean 'customer.first_name'?"),
        (["welcome", "--to", "nobody"], "Seed lists are: reviewers"),
    ],
)
def test_what_cannot_be_shown_says_why(workspace: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str) -> None:
    """A name that nothing has is told with what there is."""
    assert says in str(told(capsys, *arguments, "--workspace", str(workspace), code=66)["cure"])


def test_the_api_shows_proofs_and_changes_nothing(tmp_path: Path) -> None:
    """The running system shows the proofs of the plan in force; no customer comes of it, and an unknown name is 404."""
    served = Served(tmp_path)
    (proof,) = served.ask("/contents/welcome/proofs").json()
    assert "[PROOF] Welcome, [first_name]" == proof["parts"]["subject"]
    assert [] == served.ask("/subjects").json()["subjects"]
    assert 404 == served.ask("/contents/nothing/proofs").status_code
    served.end()
