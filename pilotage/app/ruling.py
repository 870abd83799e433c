"""What reviews go by in a workspace: its people, its policy, its waivers, and what a change is compared with.

Nothing here compiles a plan: voting needs to know what stands, and not what it would decide.
"""

from pathlib import Path

import msgspec

from pilotage.app.bundling import documents_now
from pilotage.app.exits import CONFIG, Trouble
from pilotage.app.persons import people_of
from pilotage.app.places import SETTINGS_FILE
from pilotage.audit.canonical import digest_of
from pilotage.journey.document import read_document
from pilotage.journey.findings import Report
from pilotage.journey.scalars import flag_or
from pilotage.proof.waivers import Waiver
from pilotage.review import policy as policies
from pilotage.review import waiver as waivers
from pilotage.review.evidence import Sources
from pilotage.review.people import People
from pilotage.review.policy import USUAL, ReviewPolicy, parse_review_policy
from pilotage.review.register import Now, Register
from pilotage.review.waiver import parse_waivers
from pilotage.runner.folder import AGAIN, read_environment


class Rules(msgspec.Struct, frozen=True):
    """What reviews go by in a workspace: people, policy and waivers."""

    people: People
    policy: ReviewPolicy
    waivers: tuple[Waiver, ...]


class Place(msgspec.Struct, frozen=True):
    """The environment that a workspace is bound to."""

    environment: str
    production: bool


def place_of(folder: Path) -> Place:
    """The environment of a workspace. `Trouble` where pilotage.yaml names none."""
    path, report = folder / SETTINGS_FILE, Report()
    if not path.is_file():
        raise Trouble(f"{folder} has no {SETTINGS_FILE}", CONFIG, "name the workspace with --workspace, or begin one with 'pilotage init'")
    document = read_document(path.read_bytes(), SETTINGS_FILE, report)
    environment = document.root.map("environment") if document is not None else None
    if environment is None or not environment.text("name"):
        told = "\n".join(finding.text for finding in report.findings) or f"{SETTINGS_FILE} names no environment"
        raise Trouble(told, CONFIG, "'pilotage check' says what is wrong")
    return Place(environment.text("name"), flag_or(environment.scalar("production"), False))


def rules_of(folder: Path) -> Rules:
    """What reviews go by in a workspace. `Trouble` where one of the documents is not right."""
    report, people = Report(), people_of(folder)
    policy, found = read_rules(folder, people, report)
    if report.failed:
        told = "\n".join(finding.text for finding in report.findings)
        raise Trouble(told, CONFIG, f"correct {policies.FILE} or {waivers.FILE}")
    return Rules(people, policy, found)


def read_rules(folder: Path, people: People, report: Report) -> tuple[ReviewPolicy, tuple[Waiver, ...]]:
    """The review policy and the waivers of a workspace, where it has any; what is wrong with them is reported."""
    policy: ReviewPolicy | None = None
    found: tuple[Waiver, ...] = ()
    if (folder / policies.FILE).is_file():
        document = read_document((folder / policies.FILE).read_bytes(), policies.FILE, report)
        policy = parse_review_policy(document, report) if document is not None else None
    if (folder / waivers.FILE).is_file():
        document = read_document((folder / waivers.FILE).read_bytes(), waivers.FILE, report)
        found = parse_waivers(document, (each.id for each in people.people), report) if document is not None else ()
    return policy or USUAL, found


def base_of(register: Register, environment: str, data: Path) -> str:
    """What a change is compared with: the bundle released last or, where nothing ever was, the plan that runs (`plan:` and its
    digest); empty where nothing does."""
    newest = register.newest(environment)
    return newest.bundle if newest is not None else bare_base(data)


def bare_base(data: Path) -> str:
    """The plan that runs on a data folder without having been released."""
    if not (data / "environment.json").is_file():
        return ""
    plans = read_environment(data).plans
    return f"plan:{plans[-1].partition(AGAIN)[0]}" if plans else ""


def sources_by(rules: Rules, bundle: str, documents: dict[str, str], base: str) -> Sources:
    """What evidence is read from. The bundle is empty where none was made."""
    waived = digest_of([msgspec.to_builtins(each) for each in rules.waivers])
    return Sources(bundle, documents, base, rules.policy.digest, waived)


def now_of(folder: Path, data: Path, register: Register, rules: Rules, at_us: int) -> Now:
    """What acts are checked against, without making a bundle."""
    environment = place_of(folder).environment
    return Now(environment, sources_by(rules, "", documents_now(folder), base_of(register, environment, data)), at_us)
