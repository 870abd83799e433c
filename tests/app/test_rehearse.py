"""`pilotage rehearse`: over the demo world, over history, over a file; interrupted, on two processes, and kept as evidence."""

import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pilotage.app import evidence, populations
from pilotage.app.cli import invoke
from pilotage.app.exits import NEGATIVE, NO_INPUT, USAGE
from pilotage.app.populations import file_population
from pilotage.app.proven import rehearsals_of
from pilotage.app.rehearsing import Interrupted, Stage, candidate_of, rehearsal_of
from pilotage.app.starter import init
from pilotage.simulate.rehearsal import Company, Part
from pilotage.source.intake import Intake
from tests.app.test_cli import history

CART = "growth.offers.cart_recovery"
WORLD = ["rehearse", "--world", "demo:7", "--subjects", "60", "--to", "2026-03-16", "--journey", CART]


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder with the evidence of one rehearsal of the demo's workspace over its world, and the report."""
    folder = tmp_path_factory.mktemp("rehearsed")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert 0 == invoke([*WORLD, "--json-file", "report.json", "--html", "report.html"])
    return folder, json.loads((folder / "report.json").read_text())


def version(report: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in report["versions"] if each["version"] == name)


def sent(report: dict[str, Any], name: str, journey: str) -> int:
    found = next(each for each in version(report, name)["journeys"] if each["journey"] == journey)
    return sum(step["verbs"].get("sent", 0) for step in found["steps"])


def test_a_candidate_is_tried_alone_among_all_and_against_before(rehearsed: tuple[Path, dict[str, Any]]) -> None:
    """The candidate journey sends alone and among all others, and not at all under the plan before."""
    report = rehearsed[1]
    assert ["alone", "among", "before"] == [each["version"] for each in report["versions"]]
    assert [CART] == [each["journey"] for each in version(report, "alone")["journeys"]]
    assert CART not in [each["journey"] for each in version(report, "before")["journeys"]]
    assert min(sent(report, "alone", CART), sent(report, "among", CART)) > 0


def test_numbers_of_a_report_fit_each_other(rehearsed: tuple[Path, dict[str, Any]]) -> None:
    """Days add up to volumes, people to everybody, channels to all messages, and what differs to what is told of it."""
    report = rehearsed[1]
    for found in report["versions"]:
        for step in (step for journey in found["journeys"] for step in journey["steps"]):
            for verb, days in step["days"].items():
                assert step["verbs"][verb] == sum(days.values())
        messages = {each["channel"]: each for each in found["messages"]}
        people = messages["all"]["people"]
        assert sum(people.values()) == sum(found["peaks"].values())
        assert messages["all"]["total"] == sum(int(count) * number for count, number in people.items())
        assert messages["all"]["total"] == sum(each["total"] for name, each in messages.items() if name != "all")
    contrast = report["contrast"]
    difference = sum(contrast["new"].values()) - sum(contrast["gone"].values())
    totals = [next(each["total"] for each in version(report, name)["messages"] if each["channel"] == "all") for name in ("among", "before")]
    assert totals[0] - totals[1] == difference
    assert sum(contrast["displaced"].values()) <= sum(contrast["gone"].values())
    assert 0 < len(contrast["examples"]) <= contrast["differing"]


def test_policies_are_all_on(rehearsed: tuple[Path, dict[str, Any]]) -> None:
    """Candidates are stopped by consent, put off by quiet hours and by budgets, as live."""
    found = {each["rule"]: each for each in version(rehearsed[1], "among")["policies"]}
    assert found["consent"]["blocked"] > 0
    assert found["quiet_hours:night"]["deferred"] > 0
    assert any(rule.startswith("budget:") for rule in found)


def test_nobody_is_singled_out(rehearsed: tuple[Path, dict[str, Any]]) -> None:
    """Groups are of attributes with few values and of five people at least; no address is in a report."""
    groups = version(rehearsed[1], "among")["groups"]
    assert {"country", "language"} <= {each["attribute"] for each in groups}
    assert min(each["people"] for each in groups) >= 5
    assert "@example.test" not in json.dumps(rehearsed[1])


def test_the_page_needs_nothing_else(rehearsed: tuple[Path, dict[str, Any]]) -> None:
    """The page has charts and tables, loads nothing from anywhere, runs no script, and names the candidate."""
    text = (rehearsed[0] / "report.html").read_text()
    assert text.startswith("<!doctype html>") and "<svg" in text and CART in text
    assert [] == re.findall(r"<script|<link|<img|src=|https?://|@import|url\(", text)
    assert text.count("<table>") == text.count("</table>") > 6


def test_evidence_is_listed_and_shown(rehearsed: tuple[Path, dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    """What was rehearsed is kept by digest, found by the plan's digest, listed and shown again."""
    folder, report = rehearsed
    assert 0 == invoke(["rehearse", "list", str(folder), "--json"])
    [kept] = json.loads(capsys.readouterr().out)
    assert (report["plan"], [CART]) == (kept["plan"], kept["candidate"])
    where = folder / evidence.FOLDER
    assert [kept["digest"]] == [each.digest for each in evidence.evidence_of(where, report["plan"])]
    assert [] == evidence.evidence_of(where, "0" * 64)
    assert (f"rehearsal {kept['digest'][:16]}",) == rehearsals_of(where, report["plan"])
    assert () == rehearsals_of(where, "0" * 64)
    assert 0 == invoke(["rehearse", "show", kept["digest"][:12], str(folder), "--json"])
    assert report == json.loads(capsys.readouterr().out)
    assert 0 == invoke(["rehearse", "list", str(folder)])
    assert NEGATIVE == invoke(["rehearse", "show", "abcdef", str(folder)])
    assert "there is no evidence 'abcdef'" in capsys.readouterr().err


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A folder with a small workspace, `shop`, a history of it replayed into `data`, and the arguments that read it from its file."""
    folder = tmp_path_factory.mktemp("shop")
    init(folder / "shop", write_key="key")
    settings = folder / "shop" / "pilotage.yaml"
    settings.write_text(settings.read_text() + "rehearsal: {prices: {console: 0.0125}, capacity: {desk: 5}}\n")
    arguments = history(folder)
    replayed = [*arguments, "--workspace", str(folder / "shop"), "--data", str(folder / "data"), "--until", "+10d", "--json"]
    assert 0 == invoke(replayed)
    return folder, ["--events", arguments[1], *arguments[2:]]


def asked(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str) -> dict[str, Any]:
    """The report of a rehearsal of the small workspace."""
    capsys.readouterr()
    assert 0 == invoke(["rehearse", str(folder / "shop"), *arguments, "--json"])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_history_and_file_come_to_what_a_replay_decided(shop: tuple[Path, list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    """Over the same events a rehearsal decides as often what a replay decided, by step and verb, whether it reads the file or the
    history of the data folder."""
    folder, file = shop
    data = str(folder / "data")
    query = "select journey || '/' || step || ' ' || verb, count(*) from decisions group by all"
    assert 0 == invoke(["history", "query", query, "--data", data, "--json"])
    replayed = dict(json.loads(capsys.readouterr().out)["rows"])
    for events in (["--history", data], file):
        [among] = asked(capsys, folder, *events, "--to", "2026-03-12T12:57:00Z")["versions"]
        steps = [(each["journey"], step) for each in among["journeys"] for step in each["steps"]]
        assert replayed == {f"{name}/{step['step']} {verb}": n for name, step in steps for verb, n in step["verbs"].items()}
        assert (60, 80) == (among["subjects"], among["events"])


def test_a_sample_is_a_part_of_all(shop: tuple[Path, list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    """A share of the subjects is chosen by a hash: the same ones every time, and about so many."""
    samples = (["--sample", "50%"], ["--subjects", "30"])
    counts = [asked(capsys, shop[0], "--data", str(shop[0] / "data"), *each)["versions"][0]["subjects"] for each in samples]
    assert 15 <= counts[0] <= 45 and 1 == len(set(counts))


def test_it_goes_on_where_it_was_stopped(
    shop: tuple[Path, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A rehearsal that is stopped keeps what is done; the same one goes on from there, runs no part twice, and reports the same."""
    whole, seen = asked(capsys, shop[0], *shop[1]), list[int]()
    monkeypatch.setattr(populations, "EVENTS_IN_PART", 30)
    candidate, read, compiled = candidate_of(shop[0] / "shop", tmp_path / "none", (), "")
    file, mapping = Path(shop[1][1]), Path(shop[1][3])
    population = file_population(file, mapping, Intake(compiled.contracts, compiled.segment_names, read.intake), 0, tmp_path)
    rehearsal = rehearsal_of(candidate, population, 0, 1)
    stage = Stage(candidate, population, rehearsal, tmp_path / "evidence", 1)

    def stop(done: int, parts: int) -> None:
        seen.append(done)
        if done == 1:
            stage._ask_to_stop()

    with pytest.raises(Interrupted, match="1 of 3 parts"):
        stage.run(stop)
    report = Stage(candidate, population, rehearsal, tmp_path / "evidence", 1).run(lambda done, parts: seen.append(done))
    assert [0, 1, 1, 2, 3] == seen
    assert [] == list((tmp_path / "evidence").glob("partial-*"))
    assert {**whole, "rehearsal": rehearsal.digest} == msgspec.to_builtins(report)


KILLED = """
import os, signal, sys
from pilotage.app import populations, rehearsing
from pilotage.app.cli import invoke

kept, write = 0, rehearsing.write_file

def write_and_die(path, content):
    global kept
    write(path, content)
    kept += 1
    if kept == 3:
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    populations.EVENTS_IN_PART, rehearsing.write_file = 2, write_and_die
    invoke(sys.argv[1:])
"""


def test_it_goes_on_where_it_was_killed(
    shop: tuple[Path, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Killed in the middle, a rehearsal leaves the parts that were done and no process; the same command runs the others, and reports what
    one that was left alone does."""
    monkeypatch.setattr(populations, "EVENTS_IN_PART", 2)
    ran, run = Company.run, list[Part]()
    monkeypatch.setattr(Company, "run", lambda company, part: run.append(part) or ran(company, part))
    whole, parts = asked(capsys, shop[0], *shop[1]), len(run)
    program, workspace = tmp_path / "killed.py", tmp_path / "shop"
    program.write_text(KILLED)
    shutil.copytree(shop[0] / "shop", workspace, ignore=shutil.ignore_patterns("evidence"))
    command = [sys.executable, str(program), "rehearse", str(workspace), *shop[1], "--workers", "2"]
    killed = subprocess.run(command, capture_output=True, timeout=60, check=False)  # its output ends with its last process
    assert -signal.SIGKILL == killed.returncode, killed.stderr.decode()
    [partial] = (workspace / "evidence").glob("partial-*")
    assert 3 == len(list(partial.glob("*.part")))
    run.clear()
    assert whole == asked(capsys, tmp_path, *shop[1])
    assert (parts - 3, False) == (len(run), partial.exists())


def test_two_processes_report_the_same(
    shop: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Many parts that run in two processes come to the same report as one part in one."""
    one = asked(capsys, shop[0], *shop[1])
    monkeypatch.setattr(populations, "EVENTS_IN_PART", 10)
    two = asked(capsys, shop[0], *shop[1], "--workers", "2")
    assert one.pop("rehearsal") != two.pop("rehearsal")
    assert one == two


def test_prices_are_reckoned_with(shop: tuple[Path, list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    """A channel's declared price is multiplied exactly."""
    [cost] = asked(capsys, shop[0], *shop[1])["versions"][0]["costs"]
    assert ("console", "0.0125", f"{cost['messages'] * 125 / 10_000:.4f}") == (cost["channel"], cost["price"], cost["cost"])
    assert cost["messages"] > 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--world", "mars:7"], USAGE, "there is the demo world"),
        (["--world", "demo:7", "--journey", "nobody"], USAGE, "unknown journey 'nobody'"),
        (["--world", "demo:7", "--to", "soon"], USAGE, "--to soon"),
        (["--world", "demo:7", "--to", "2026-01-01"], USAGE, "--to lies before"),
        (["--world", "demo:7", "--workers", "0"], USAGE, "--workers must be above 0"),
        (["--world", "demo:7", "--history", "data"], USAGE, "exclude each other"),
        (["--sample", "150%"], USAGE, "--sample 150%"),
        ([], NO_INPUT, "there is no history at"),
    ],
)
def test_what_cannot_be_rehearsed_is_told(
    arguments: list[str], code: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was asked for wrongly is named, with the code for it."""
    monkeypatch.chdir(tmp_path)
    if "--world" not in arguments:
        init(tmp_path, write_key="key")
        (tmp_path / "data").mkdir()
        if arguments:
            (tmp_path / "data" / "environment.json").write_text("{}")
    assert code == invoke(["rehearse", *arguments])
    assert said in capsys.readouterr().err
