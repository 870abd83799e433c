"""Having a customer enter a journey over the API of a running system."""

from pathlib import Path

from pilotage.app.starter import init
from tests.app.serving import WRITE_KEY, Served

JOURNEY = """\
schema: 1
kind: journey
name: service.orders.care
owner: {responsible: crm}
stage: service
enter: {on: order.placed, key: trigger.order_id}
steps:
  - {id: rest, wait: {for: 5d}}
"""


def test_a_customer_enters_by_request(tmp_path: Path) -> None:
    """A request is told once, by the journey's own rules; what cannot be is said with its cure."""
    init(tmp_path / "workspace", write_key=WRITE_KEY)
    (tmp_path / "workspace" / "journeys" / "care.yaml").write_text(JOURNEY)
    served = Served(tmp_path)
    served.sign_up("ada")
    asked = {"id": "r1", "identifiers": {"user_id": "ada"}, "data": {"order_id": "o1", "total": 5}}
    answers = [served.tell("/journeys/service.orders.care/entries", asked) for _ in range(2)]
    assert [(202, False), (202, True)] == [(answer.status_code, answer.json()["repeated"]) for answer in answers]
    subject = served.tell("/subjects/find", {"identifiers": {"user_id": "ada"}}).json()["subject"]
    entries = [each for each in served.ask(f"/subjects/{subject}").json()["entries"] if each["journey"] == "service.orders.care"]
    assert [("rest", {"key": "o1"})] == [(each["step"], each["variables"]) for each in entries]
    served.tell("/journeys/service.orders.care/entries", {**asked, "id": "r2"})
    story = served.ask(f"/subjects/{subject}/timeline").json()["happenings"][0]
    assert [("refused", "already in the journey with this key")] == [(each["verb"], each["reason"]) for each in story["decisions"]]
    for path, body, status, words in (
        ("/journeys/service.orders.cares/entries", asked, 404, "did you mean service.orders.care?"),
        (
            "/journeys/service.orders.care/entries",
            {**asked, "data": {"order_id": 7}},
            400,
            "The data are not those of order.placed: $.order_id",
        ),
    ):
        answer = served.tell(path, body)
        assert (status, True) == (answer.status_code, words in answer.json()["detail"]), answer.json()
    assert 0 == served.end()
