"""Audiences as a person asks for them: sizes, previews, reasons, overlaps and lists, of a running system and of one at rest."""

import json
from pathlib import Path
from typing import Any

import pytest

from pilotage.app.cli import invoke
from pilotage.app.starter import init
from tests.app.serving import WRITE_KEY, Served
from tests.app.test_accounts import until
from tests.app.test_accounts import workspace as workspace_with_accounts

HEAD = "schema: 1\nkind: audience\nname: {}\nowner: {{responsible: crm}}\n"
AUDIENCES = {
    "germans": "when: country = 'DE'",
    "buyers": "when: count('order.placed', '30d') > 0",
    "undecided": "any: [germans]\nexcept: [buyers]",
    "guests": "members: spring-party",
    "late": "when: performed('order.placed')\nexisting: exclude",
}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder for a running system whose workspace has audiences."""
    init(tmp_path / "workspace", write_key=WRITE_KEY)
    (tmp_path / "workspace" / "audiences").mkdir()
    for name, text in AUDIENCES.items():
        (tmp_path / "workspace" / "audiences" / f"{name}.yaml").write_text(HEAD.format(name) + text + "\n")
    return tmp_path


def told(data: Path, capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    """What a command says, as data."""
    assert code == invoke(["audience", *arguments, "--data", str(data), "--json"]), capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def sizes(data: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, int]:
    """How many are in each audience."""
    return {each["name"]: each["members"] for each in told(data, capsys, "list")}


def test_audiences_are_asked_while_it_runs_and_at_rest(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Sizes, previews, reasons, overlaps and reconciliation say the same of a running system and of one at rest."""
    served = Served(shop)
    for user in ("ada", "ben", "cyd"):
        served.sign_up(user)
    served.track("ada", "Order Completed", order_id="1", total=10)
    for running in (True, False):
        if not running:
            served.end()
        assert {"germans": 3, "buyers": 1, "undecided": 2, "guests": 0, "late": 1} == sizes(served.data, capsys)
        found = told(served.data, capsys, "preview", "undecided")
        assert (2, 3, 2) == (found["size"], found["subjects"], len(found["examples"]))
        assert 1 == told(served.data, capsys, "preview", "--when", "in_audience('germans') and in_audience('buyers')")["size"]
        why = told(served.data, capsys, "why", "undecided", "user_id=ada")
        assert (False, ["or", False], ["not", False]) == (
            why["inside"],
            ["or", why["condition"]["parts"][0]["truth"] is not True],
            [why["condition"]["parts"][1]["join"], why["condition"]["parts"][1]["truth"]],
        )
        overlap = told(served.data, capsys, "overlap", "germans", "buyers")
        assert (["buyers", "germans"], [1, 3], [[1, 1], [1, 3]]) == (overlap["audiences"], overlap["sizes"], overlap["both"])
        reconciled = told(served.data, capsys, "reconcile")
        assert (3, 0, ["late"]) == (reconciled["subjects"], reconciled["different"], reconciled["skipped"])


def test_a_list_is_uploaded_once_and_taken_back(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each member of a file is told once, also when the upload is repeated; taking them off empties the audience."""
    served = Served(shop)
    served.sign_up("ada")
    file = shop / "guests.csv"
    file.write_text("user_id,note\nada,x\nada,again\nnew,\n")
    first = told(served.data, capsys, "upload", "spring-party", str(file), "--basis", "consent")
    assert (2, 2, 0, 0) == (first["members"], first["told"], first["repeated"], first["refused"])
    again = told(served.data, capsys, "upload", "spring-party", str(file), "--basis", "consent", "--resume", first["upload"])
    assert (0, 2) == (again["told"], again["repeated"])
    assert 2 == sizes(served.data, capsys)["guests"]
    assert 2 == told(served.data, capsys, "preview", "guests")["size"]
    assert 0 == invoke(["why", "user_id=new", "--data", str(served.data)])
    story = capsys.readouterr().out
    assert "enters the audience guests" in story
    assert "basis=consent" in story
    assert 2 == told(served.data, capsys, "upload", "spring-party", str(file), "--remove")["told"]
    assert 0 == sizes(served.data, capsys)["guests"]
    served.end()


def test_what_cannot_be_asked_is_told(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown audience, list, basis or condition is named with what there is, over the API as on the command line."""
    served = Served(shop)
    served.sign_up("ada")
    member = {"upload": "1", "occurred_us": 1, "basis": "consent", "members": [{"user_id": "ada"}]}
    answers = {
        served.ask("/audiences/germens/preview"): (404, "there is no audience 'germens'; did you mean germans?"),
        served.tell("/audience-preview", {"when": "cuntry = 'DE'"}): (409, "there is no attribute cuntry"),
        served.tell("/lists/springparty", member): (404, "a list 'springparty'; did you mean spring-party?"),
        served.tell("/lists/spring-party", {**member, "basis": ""}): (409, "'' is no legal basis; there are consent"),
    }
    for answer, (status, words) in answers.items():
        assert (status, True) == (answer.status_code, words in answer.json()["detail"]), answer.json()
    (shop / "bad.csv").write_text("user_id,basis\nada,\n")
    for arguments, code, words in (
        (("upload", "spring-party", str(shop / "bad.csv")), 2, "bad.csv:2: '' is no legal basis"),
        (("upload", "spring-party", str(shop / "log"), "--basis", "consent"), 2, "has no column of identifiers"),
        (("preview",), 2, "name an audience, or give a condition with --when"),
        (("preview", "--when", "cuntry = 'DE'"), 69, "did you mean country?"),
        (("why", "germens", "user_id=ada"), 1, "did you mean germans?"),
    ):
        assert code == invoke(["audience", *arguments, "--data", str(served.data)])
        assert words in capsys.readouterr().err, arguments
    served.end()
    assert invoke(["audience", "preview", "--when", "cuntry = 'DE'", "--data", str(served.data)]) == 2
    assert "did you mean country?" in capsys.readouterr().err


OF_ACCOUNTS = {
    "busy": "when: count('order.placed', '30d') > 1",
    "german-firms": "when: country = 'DE'",
    "partners": "members: partners",
}


@pytest.fixture
def company(tmp_path: Path) -> Path:
    """A folder for a running system whose workspace has accounts, and audiences of them beside one of persons."""
    workspace = tmp_path / "workspace"
    workspace_with_accounts(workspace)
    (workspace / "audiences").mkdir(exist_ok=True)
    for name, text in OF_ACCOUNTS.items():
        (workspace / "audiences" / f"{name}.yaml").write_text(HEAD.format(name) + f"subject: account\n{text}\n")
    (workspace / "audiences" / "germans.yaml").write_text(HEAD.format("germans") + AUDIENCES["germans"] + "\n")
    return tmp_path


def test_audiences_of_accounts_are_asked_like_those_of_persons(company: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of accounts it is told, running and at rest, who is in an audience and why, how audiences overlap, and a list of them is uploaded by
    account_id; what is asked of the wrong kind is told."""
    served = Served(company)
    for user, firm in (("ada", "acme"), ("ben", "acme"), ("cyd", "solo")):
        group = {"userId": user, "groupId": firm, "traits": {"role": "admin"}}
        assert 200 == served.client.post("/v1/group", json=group, auth=(WRITE_KEY, "")).status_code
        served.sign_up(user)
    for number, user in enumerate(("ada", "ben", "cyd")):
        served.track(user, "Order Completed", order_id=str(number), total=10)
    until(lambda: sizes(served.data, capsys)["german-firms"], 2)
    until(lambda: sizes(served.data, capsys)["busy"], 1)
    file = company / "partners.csv"
    file.write_text("account_id\nacme\nnova\n")
    assert 2 == told(served.data, capsys, "upload", "partners", str(file), "--basis", "contract")["told"]
    people = company / "people.csv"
    people.write_text("user_id\nada\n")
    assert 69 == invoke(["audience", "upload", "partners", str(people), "--basis", "contract", "--data", str(served.data)])
    assert "'partners' is a list of accounts: name each by account_id alone" in capsys.readouterr().err
    assert ["germans"] == told(served.data, capsys, "overlap")["audiences"]
    assert 3 == told(served.data, capsys, "preview", "--when", "count('order.placed', '30d') > 0")["size"]
    for arguments, words in (
        (("why", "busy", "user_id=ada"), "busy is an audience of accounts, and"),
        (("overlap", "busy", "germans"), "busy, germans are audiences of persons and of accounts"),
    ):
        assert invoke(["audience", *arguments, "--data", str(served.data)])
        assert words in capsys.readouterr().err
    for running in (True, False):
        if not running:
            served.end()
        found = told(served.data, capsys, "preview", "busy")
        assert (1, 3, "accounts") == (found["size"], found["subjects"], found["of"])
        assert 2 == told(served.data, capsys, "preview", "--accounts", "--when", "count('order.placed', '30d') > 0")["size"]
        why = told(served.data, capsys, "why", "busy", "account_id=acme")
        assert (True, found["examples"]) == (why["inside"], [why["subject"]])
        overlap = told(served.data, capsys, "overlap", "--accounts")
        assert (["busy", "german-firms", "partners"], [1, 2, 2]) == (overlap["audiences"], overlap["sizes"])
        assert 1 == overlap["both"][0][2]
