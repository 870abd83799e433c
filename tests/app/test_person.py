"""The command `person`: people.yaml, the person's own key file and the ledger say the same."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from pilotage.app.cli import invoke
from pilotage.app.control import CONTROL, KEY_FILE, open_ledger
from pilotage.app.keyring import key_path, open_key
from pilotage.app.persons import people_of
from pilotage.app.starter import init
from pilotage.audit import keyfile
from pilotage.audit.keyfile import WrongPassphrase
from pilotage.audit.verify import verify
from pilotage.review.ledger import DATABASE_FILE


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace, with keys kept beside it, a passphrase given, and passphrases stretched little."""
    monkeypatch.setenv("PILOTAGE_KEYS", str(tmp_path / "keys"))
    monkeypatch.setenv("PILOTAGE_PASSPHRASE", "correct horse")
    monkeypatch.setattr(keyfile, "COST", 16)
    init(tmp_path / "shop", "Shop")
    return tmp_path / "shop"


def told(capsys: pytest.CaptureFixture[str], shop: Path, *arguments: str, code: int = 0) -> Any:
    """What the command says, as data."""
    assert code == invoke(["person", *arguments, "--workspace", str(shop), "--json"])
    said = capsys.readouterr()
    return json.loads(said.out or said.err)


def environ(shop: Path, passphrase: str = "correct horse") -> dict[str, str]:
    """The environment variables that say where keys lie and what opens them."""
    return {"PILOTAGE_KEYS": str(shop.parent / "keys"), "PILOTAGE_PASSPHRASE": passphrase}


def acts(shop: Path) -> list[tuple[str, str, str]]:
    """Who did what to whom, by the ledger, which holds."""
    ledger = open_ledger(shop / "data", lambda: 1, create=False)
    assert verify(ledger.records()).holds
    found = [(entry.actor, entry.act, entry.subject) for entry in ledger.read(2)]
    ledger.close()
    return found


def test_a_person_is_added_with_a_key_of_their_own(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The public key stands in people.yaml and the ledger; the private one lies in a file that its owner alone reads and the
    passphrase alone opens."""
    added = told(capsys, shop, "add", "ada", "--name", "Ada", "--role", "owner", "--role", "council", "--team", "growth", "--by", "root")
    ada = people_of(shop).of("ada")
    assert (("owner", "council"), ("growth",)) == (ada.roles, ada.teams)
    assert ada.public_key == added["person"]["public_key"] == open_key("ada", environ(shop)).public_key
    assert [("root", "person.added", "person:ada")] == acts(shop)
    path = key_path("ada", environ(shop))
    assert (str(path), 0o600) == (added["key_file"], stat.S_IMODE(path.stat().st_mode))
    with pytest.raises(WrongPassphrase):
        open_key("ada", environ(shop, "wrong horse"))
    assert ["ada"] == [each["id"] for each in told(capsys, shop, "list", "--role", "council")]
    assert [] == told(capsys, shop, "list", "--role", "auditor")


def test_a_new_key_keeps_the_old_file(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A new key takes the place of the old one, whose file is kept; the ledger names both."""
    first = told(capsys, shop, "add", "ada", "--by", "root")["person"]["public_key"]
    second = told(capsys, shop, "add", "ada", "--new-key", "--by", "root")["person"]["public_key"]
    assert first != second == people_of(shop).of("ada").public_key == open_key("ada", environ(shop)).public_key
    assert {"ada.json", f"ada.{first[:16]}.json"} == {path.name for path in (shop.parent / "keys").iterdir()}
    assert ["person.added", "person.key_changed"] == [act for _, act, _ in acts(shop)]


def test_who_left_stays_with_the_day(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A person who left stays in people.yaml with the day they left."""
    told(capsys, shop, "add", "ada")
    assert "2026-03-01" == told(capsys, shop, "remove", "ada", "--left", "2026-03-01", "--by", "root")["person"]["left"]
    assert "2026-03-01" == told(capsys, shop, "list")[0]["left"]
    assert ("root", "person.left", "person:ada") == acts(shop)[-1]


def test_what_is_wrong_changes_nothing(shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is there already, unknown roles, teams and people, bad names and days, short or missing passphrases: each is refused
    with the cure, and neither people.yaml, nor a key, nor the ledger is changed."""
    told(capsys, shop, "add", "ada", "--by", "root")
    before = (shop / "people.yaml").read_text(), acts(shop)
    for arguments, code, says in (
        (("add", "ada"), 1, "--new-key"),
        (("add", "ben", "--role", "boss"), 2, "the roles are owner"),
        (("add", "ben", "--team", "sales"), 78, "unknown team 'sales'"),
        (("add", "../ben"), 78, "not a name"),
        (("add", "cem", "--new-key"), 66, "there is no person 'cem'"),
        (("remove", "cem"), 66, "there is no person 'cem'"),
        (("remove", "ada", "--left", "soon"), 2, "2026-11-30"),
    ):
        assert says in json.dumps(told(capsys, shop, *arguments, code=code)), arguments
    monkeypatch.setenv("PILOTAGE_PASSPHRASE", "short")
    assert "at least 8" in json.dumps(told(capsys, shop, "add", "ben", code=2))
    monkeypatch.delenv("PILOTAGE_PASSPHRASE")
    assert "PILOTAGE_PASSPHRASE" in json.dumps(told(capsys, shop, "add", "ben", code=2))
    assert before == ((shop / "people.yaml").read_text(), acts(shop))
    assert ["ada.json"] == [path.name for path in (shop.parent / "keys").iterdir()]


def test_an_act_cut_short_is_done_by_doing_it_again(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where a crash left a key and an entry but no line in people.yaml, adding the person again takes the same key."""
    first = told(capsys, shop, "add", "ada")["person"]["public_key"]
    (shop / "people.yaml").unlink()
    assert first == told(capsys, shop, "add", "ada")["person"]["public_key"] == people_of(shop).of("ada").public_key


def test_mistakes_in_people_yaml_are_found_by_check(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`pilotage check` reports mistakes of people.yaml, as of every document."""
    (shop / "people.yaml").write_text("schema: 1\nkind: people\npeople:\n  - {id: ada, name: Ada, roles: [boss]}\n")
    assert 1 == invoke(["check", str(shop)])
    assert "people.yaml:4:34: error D016" in capsys.readouterr().out


def test_a_ledger_that_is_gone_is_not_begun_anew(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where the database or the installation's key was deleted, no act is taken until it is restored."""
    told(capsys, shop, "add", "ada")
    for name in (DATABASE_FILE, KEY_FILE):
        path = shop / "data" / CONTROL / name
        kept = path.read_bytes()
        path.unlink()
        assert "restore" in json.dumps(told(capsys, shop, "add", "ben", code=78))
        assert not path.exists()
        path.write_bytes(kept)
    told(capsys, shop, "add", "ben")
