"""Coupons end to end: a journey asks for a code and sends it; the pool says what is left; bad files are refused."""

import json
import signal
import time
from pathlib import Path

import pytest

from pilotage.app.cli import invoke
from pilotage.app.starter import init
from tests.app.serving import WRITE_KEY, Served

POOL = "schema: 1\nkind: coupons\nname: welcome\nfile: coupons/welcome.txt\nalarm: 3\n"
GREET = "  - {id: greet, send: console, content: welcome,"
STEPS = "  - {id: code, coupon: welcome, as: gift, on_failure: think}\n" + GREET


def with_pool(folder: Path, codes: str = "A-1\nA-2\nA-3\n") -> None:
    """Give the starter's journey a code to send."""
    (folder / "coupons").mkdir()
    (folder / "coupons" / "welcome.yaml").write_text(POOL)
    (folder / "coupons" / "welcome.txt").write_text(codes)
    journey = folder / "journeys" / "welcome.yaml"
    text = journey.read_text()
    assert GREET in text
    journey.write_text(text[: text.index("tests:\n")].replace(GREET, STEPS))
    content = folder / "content" / "welcome.yaml"
    content.write_text(content.read_text().replace("Your account is ready.", "Your account is ready: {{ journey.gift }}."))


def gifts(served: Served, *users: str) -> list[str]:
    """The codes that users hold, once each has one."""
    end_s = time.monotonic() + 30
    found: list[str] = []
    while len(found) < len(users) and time.monotonic() < end_s:
        found = []
        for user in users:
            subject = served.tell("/subjects/find", {"identifiers": {"user_id": user}}).json()["subject"]
            entries = served.ask(f"/subjects/{subject}").json()["entries"]
            found += [entry["variables"]["gift"] for entry in entries if "gift" in entry["variables"]]
        time.sleep(0.05)
    return found


def test_each_customer_gets_a_code_of_their_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Codes come in the order of the file, one for each entry, and stay after a kill; the pool warns before it is empty, and who comes
    too late goes the other way."""
    init(tmp_path / "workspace", write_key=WRITE_KEY)
    with_pool(tmp_path / "workspace")
    served = Served(tmp_path)
    served.sign_up("eve")
    assert ["A-1"] == gifts(served, "eve")
    served.end(signal.SIGKILL)
    again = Served(tmp_path)
    again.sign_up("kim")
    assert ["A-1", "A-2"] == gifts(again, "eve", "kim")
    (pool,) = again.ask("/coupons").json()
    assert {"pool": "welcome", "codes": 3, "issued": 2, "left": 1, "alarm": 3, "low": True} == pool
    metrics = again.client.get("/metrics").text
    assert all(
        f"pilotage_coupons_{line}" in metrics
        for line in ('left{pool="welcome"} 1.0', 'alarm{pool="welcome"} 3.0', 'issued_total{pool="welcome"} 2.0')
    )
    capsys.readouterr()
    assert 1 == invoke(["coupons", "list", "--data", str(again.data), "--json"])
    assert [pool] == json.loads(capsys.readouterr().out)["pools"]
    again.end()


@pytest.mark.parametrize(
    ("codes", "says"),
    [
        ("", "coupons/welcome.yaml:4:7: error Q002 the file coupons/welcome.txt holds no codes"),
        ("A-1\nA-2\nA-1\n", "coupons/welcome.yaml:4:7: error Q003 code 3 of coupons/welcome.txt stands in coupons/welcome.txt already"),
        ("A-1\nA 2\n", "coupons/welcome.yaml:4:7: error Q002 code 2 of coupons/welcome.txt is none"),
    ],
)
def test_a_file_that_is_no_pool_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], codes: str, says: str) -> None:
    """No codes, a code twice, and what is no code are refused with the place where the file is named."""
    assert 0 == invoke(["init", str(tmp_path / "shop")])
    with_pool(tmp_path / "shop", codes)
    capsys.readouterr()
    assert 1 == invoke(["check", str(tmp_path / "shop")])
    assert says in capsys.readouterr().out


def test_an_unknown_pool_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A step that asks an unknown pool is refused, with the pools that there are."""
    assert 0 == invoke(["init", str(tmp_path / "shop")])
    with_pool(tmp_path / "shop")
    journey = tmp_path / "shop" / "journeys" / "welcome.yaml"
    journey.write_text(journey.read_text().replace("coupon: welcome", "coupon: welcom"))
    capsys.readouterr()
    assert 1 == invoke(["check", str(tmp_path / "shop")])
    assert "error Q001 unknown coupon pool 'welcom'; did you mean 'welcome'?" in capsys.readouterr().out
