"""Accounts in a running system of two worker processes: members by a group call, their events, and a message by role."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from pilotage.app.starter import init
from tests.app.serving import WRITE_KEY, Served

JOURNEY = """\
schema: 1
kind: journey
name: adoption.accounts.busy
owner: {responsible: crm}
subject: account
purpose: service.orders
stage: adoption
enter: {on: order.placed, where: "count('order.placed', '30d') >= 2", reentry: always}
steps:
  - {id: tell, send: console, content: busy, to: {role: admin}, on_blocked: end, on_failure: end}
"""
CONTENT = """\
schema: 1
kind: content
name: busy
channel: console
text: "{{ customer.first_name }}: {{ account.country }}"
"""


def workspace(folder: Path) -> None:
    """The starting workspace, with accounts."""
    init(folder, write_key=WRITE_KEY)
    profile = yaml.safe_load((folder / "profile.yaml").read_text())
    profile["accounts"] = {"roles": ["admin"], "attributes": {"country": {"type": "string", "from": ["customer.signed_up.country"]}}}
    (folder / "profile.yaml").write_text(yaml.safe_dump(profile))
    policy = folder / "policies" / "contact.yaml"
    written = yaml.safe_load(policy.read_text())
    written["purposes"]["service.orders"] = {"class": "service", "basis": "contract"}
    policy.write_text(yaml.safe_dump(written))
    (folder / "journeys" / "busy.yaml").write_text(JOURNEY)
    (folder / "content" / "busy.yaml").write_text(CONTENT)


def until(asked: Callable[[], Any], wanted: Any) -> None:
    """Wait until an answer is as wanted; an assertion after half a minute."""
    ends = time.monotonic() + 30
    while (found := asked()) != wanted:
        assert time.monotonic() < ends, found
        time.sleep(0.02)


def test_accounts_across_worker_processes(tmp_path: Path) -> None:
    """What five people do reaches their account from both workers; the message goes to who has the role, whose own state decides."""
    workspace(tmp_path / "workspace")
    served = Served(tmp_path, "--workers", "2")
    people = [f"p{number}" for number in range(5)]

    def find(identifiers: dict[str, str]) -> Any:
        return served.tell("/subjects/find", {"identifiers": identifiers}).json()

    for person in people:
        group = {"userId": person, "groupId": "acme", "traits": {"role": "admin"} if person == "p3" else {}}
        assert served.client.post("/v1/group", json=group, auth=(WRITE_KEY, "")).status_code == 200
        assert served.sign_up(person).status_code == 200
    until(lambda: "subject" in find({"account_id": "acme"}), True)
    account = find({"account_id": "acme"})["subject"]
    member = find({"user_id": "p3"})["subject"]
    until(lambda: served.ask(f"/subjects/{account}").json()["roles"], {"admin": [member]})
    known = served.ask(f"/subjects/{member}").json()
    assert ({"acme": ["admin"]}, "") == (known["accounts"], known["account"])
    until(lambda: served.ask(f"/subjects/{account}").json()["attributes"], {"country": "DE"})
    for person in people[:2]:
        assert served.track(person, "order.placed", order_id=person, total=5).status_code == 200

    def sent() -> list[str]:
        told = served.ask(f"/subjects/{member}/timeline").json()["happenings"]
        return [each["verb"] for happening in told for each in happening["decisions"] if each["journey"] == "adoption.accounts.busy"]

    def answered() -> list[str]:
        told = served.ask(f"/subjects/{account}/timeline").json()["happenings"]
        return [each["verb"] for happening in told for each in happening["decisions"] if each["verb"] in ("offered", "delivered", "exited")]

    until(lambda: len(sent()), 1)
    until(answered, ["delivered", "exited", "offered"])
    refused = served.client.post("/v1/track", json={"userId": "p1", "event": "member.joined", "properties": {}}, auth=(WRITE_KEY, ""))
    assert 422 == refused.status_code
    assert 0 == served.end()
