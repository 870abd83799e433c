"""The workspace: a folder on disk becomes a plan, with its bindings kept outside of it."""

from pathlib import Path

import pytest

from pilotage.app.starter import WorkspaceExists, init
from pilotage.app.workspace import WorkspaceInvalid, compile_workspace, errors, load
from pilotage.contract.validate import validator
from pilotage.journey.plan import encode_plan
from pilotage.source.zones import packaged_zones
from tests.tree import ROOT

ZONES = packaged_zones()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A fresh starting workspace."""
    init(tmp_path / "shop", company='The "best" shop', write_key="key-of-web")
    return tmp_path / "shop"


def findings_of(folder: Path, environ: dict[str, str] | None = None) -> list[str]:
    """The findings of a workspace, one line each."""
    return [finding.text for finding in compile_workspace(load(folder, environ or {}), ZONES).findings]


def rewrite(path: Path, old: str, new: str) -> None:
    """Replace a text that stands once in a file."""
    source = path.read_text(encoding="utf-8")
    assert 1 == source.count(old)
    path.write_text(source.replace(old, new), encoding="utf-8")


def test_the_starting_workspace_has_no_findings(folder: Path) -> None:
    """What `init` writes compiles without a single finding, into a plan with its journey, policies and contracts."""
    compiled = compile_workspace(load(folder, {}), ZONES)
    assert () == compiled.findings
    assert compiled.plan is not None
    assert ["onboarding.welcome.first_order"] == [journey.name for journey in compiled.plan.journeys]
    assert {"customer.signed_up", "order.placed", "product.viewed"} <= {contract.event for contract in compiled.contracts}
    assert {"Order Completed": "order.placed"} == compiled.segment_names
    assert ZONES.digest == compiled.plan.zones


def test_the_starting_workspace_says_who_it_is(folder: Path) -> None:
    """Company, environment, zone, channels and write keys come from pilotage.yaml."""
    workspace = load(folder, {})
    assert 'The "best" shop' == workspace.company
    assert ("development", False, ("*@example.test",)) == (
        workspace.environment.name,
        workspace.environment.production,
        workspace.environment.allow,
    )
    assert ("Europe/Berlin", {"console": {}}, {"key-of-web": "web"}) == (workspace.zone, workspace.channels, workspace.write_keys)
    assert "quarantine" == workspace.intake.undeclared


def test_starting_contracts_can_be_validated_against(folder: Path) -> None:
    """Every contract of the starting workspace compiles to a validator."""
    for contract in compile_workspace(load(folder, {}), ZONES).contracts:
        validator(contract)


def test_init_never_overwrites(folder: Path) -> None:
    """A folder that holds one of the files already is left as it is."""
    (folder / "pilotage.yaml").unlink()
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(WorkspaceExists):
        init(folder)
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_init_makes_a_key_of_its_own_each_time(tmp_path: Path) -> None:
    """Two workspaces do not share a write key."""
    init(tmp_path / "a")
    init(tmp_path / "b")
    assert load(tmp_path / "a", {}).write_keys != load(tmp_path / "b", {}).write_keys


def test_an_environment_variable_takes_the_place_of_a_fallback(folder: Path) -> None:
    """`${NAME:-value}` is the variable where it is set."""
    assert {"secret": "web"} == load(folder, {"PILOTAGE_WRITE_KEY": "secret"}).write_keys


def test_an_unset_variable_is_a_warning_that_names_it(folder: Path) -> None:
    """A workspace can be checked without its secrets, and says which are missing."""
    rewrite(
        folder / "pilotage.yaml", "  write_keys:", '  endpoints:\n    desk: {url: "${DESK_URL}", secret: "${DESK_SECRET}"}\n  write_keys:'
    )
    workspace = load(folder, {"DESK_URL": "http://localhost/x"})
    assert ("DESK_SECRET",) == workspace.unset
    assert {"desk": {"url": "http://localhost/x", "secret": ""}} == workspace.endpoints
    found = findings_of(folder, {"DESK_URL": "http://localhost/x"})
    assert ["pilotage.yaml:16:40: warning W003 the environment variable DESK_SECRET is not set; set DESK_SECRET before running"] == found


def test_bindings_are_no_part_of_the_plan(folder: Path) -> None:
    """Another write key, secret or address changes nothing about the plan."""
    before = compile_workspace(load(folder, {}), ZONES).plan
    after = compile_workspace(load(folder, {"PILOTAGE_WRITE_KEY": "x"}), ZONES).plan
    assert before is not None and after is not None
    assert encode_plan(before) == encode_plan(after)
    assert b"key-of-web" not in encode_plan(before)


def test_production_wants_its_secrets_outside_the_file(folder: Path) -> None:
    """In production a secret written into the file is a warning."""
    rewrite(folder / "pilotage.yaml", "production: false", "production: true")
    rewrite(folder / "pilotage.yaml", '"${PILOTAGE_WRITE_KEY:-key-of-web}"', "key-of-web")
    assert [
        "pilotage.yaml:16:10: warning W006 a secret is written into the file; write ${NAME} and set the environment variable NAME"
    ] == findings_of(folder)


MISTAKES = [
    (
        "zone: Europe/Berlin",
        "zone: Europe/Belrin",
        "pilotage.yaml:9:1: error P001 unknown time zone 'Europe/Belrin'; did you mean 'Europe/Berlin'?",
    ),
    ("console: {}", "consul: {}", "pilotage.yaml:14:5: error W005 no channel 'consul' is installed; did you mean 'console'?"),
    ("console: {}", "console: {}\n    letters: {uses: console, rate: {per_s: 5}}", ""),
    (
        "console: {}",
        "console: {}\n    email: {port: 25}",
        "pilotage.yaml:15:5: error W007 channel 'email': Object missing required field `host`",
    ),
    ("console: {}", "console: {rate: {per_s: fast}}", "pilotage.yaml:14:5: error W007 channel 'console, rate': Expected"),
    (
        "console: {}",
        "console: {}\n  endpoints:\n    desk: {url: x, timeout_s: soon}",
        "pilotage.yaml:16:5: error W007 'endpoint desk': Expected `float`",
    ),
    (
        "  write_keys:",
        "  write_keys:\n    app: key-of-web",
        "pilotage.yaml:17:10: error W004 the sources 'app' and 'web' have the same write key",
    ),
]


@pytest.mark.parametrize(("old", "new", "finding"), MISTAKES, ids=range(len(MISTAKES)))
def test_mistakes_in_the_settings_have_a_place(folder: Path, old: str, new: str, finding: str) -> None:
    """Zones, channels and write keys of pilotage.yaml are checked, at their place."""
    rewrite(folder / "pilotage.yaml", old, new)
    found = findings_of(folder)
    assert any(text.startswith(finding) for text in found) if finding else found == [], "\n".join(found)


MARKUP = [
    ("<mj-text>Hello</mj-text>", ""),
    ("<mj-txet>Hello</mj-txet>", "content/mail.yaml:8:9: warning C007 <mj-txet> is no MJML element and would vanish"),
    ("<mj-text>Hello <b", "content/mail.yaml:6:5: error C008 the MJML cannot be read"),
]


@pytest.mark.parametrize(("text", "finding"), MARKUP, ids=range(len(MARKUP)))
def test_markup_is_checked_at_its_place(folder: Path, text: str, finding: str) -> None:
    """MJML that would lose something is a warning, MJML that cannot be read an error, each at its place."""
    rewrite(folder / "pilotage.yaml", "console: {}", "console: {}\n    email: {host: localhost, sender: a@example.test}")
    (folder / "content/mail.yaml").write_text(
        "schema: 1\nkind: content\nname: mail\nchannel: email\nmjml: |\n"
        f'    <mjml lang="en"><mj-head><mj-title>Hello</mj-title></mj-head>\n    <mj-body><mj-section><mj-column>\n        {text}\n'
        "    </mj-column></mj-section></mj-body></mjml>\nsubject: Hello\ntext: Hello\n",
        encoding="utf-8",
    )
    found = [line for line in findings_of(folder) if " C006 " not in line]
    assert any(line.startswith(finding) for line in found) if finding else found == [], "\n".join(found)


def test_a_folder_without_settings_is_no_workspace(tmp_path: Path) -> None:
    """A folder without pilotage.yaml is refused, with what to do."""
    with pytest.raises(WorkspaceInvalid, match=r"W001 .* has no pilotage\.yaml; run 'pilotage init'"):
        load(tmp_path, {})


def test_broken_settings_are_refused_with_all_their_mistakes(folder: Path) -> None:
    """A pilotage.yaml that breaks its form is refused, and every mistake is named."""
    (folder / "pilotage.yaml").write_text("schema: 1\ncompany: 5\nenvironment: {name: a b}\nbinding: {}\n", encoding="utf-8")
    with pytest.raises(WorkspaceInvalid) as raised:
        load(folder, {})
    assert ["D010", "D011", "D015", "D009"] == [finding.rule for finding in raised.value.findings]


def test_contracts_are_checked_with_the_documents(folder: Path) -> None:
    """A contract that cannot be read is a finding beside those of the documents, at its place."""
    rewrite(folder / "contracts/shop.odcs.yaml", "kind: DataContract", "kind: DataContrct")
    found = findings_of(folder)
    assert any(text.startswith("contracts/shop.odcs.yaml:3:") and " K001 " in text for text in found), "\n".join(found)
    assert any(text.startswith("journeys/welcome.yaml:8:13: error J004 unknown event type 'customer.signed_up'") for text in found)


def test_an_event_type_declared_twice_is_refused(folder: Path) -> None:
    """Two contracts for one event type are one too many."""
    source = (folder / "contracts/shop.odcs.yaml").read_text(encoding="utf-8")
    (folder / "contracts/second.odcs.yaml").write_text(source.replace("id: shop", "id: second"), encoding="utf-8")
    found = findings_of(folder)
    assert (
        "contracts: error K002 the event type 'order.placed' is declared by the contracts 'second' and 'shop'; keep one declaration"
        in found
    )


def test_the_system_s_own_events_keep_their_fields(folder: Path) -> None:
    """A contract may add to what the system needs of its own event types, and not leave it out."""
    path = folder / "contracts/shop.odcs.yaml"
    consent = "  - name: consent.changed\n    properties:\n      - {name: purpose, logicalType: string, required: true}\n"
    path.write_text(path.read_text(encoding="utf-8") + consent, encoding="utf-8")
    found = [line for line in findings_of(folder) if " K004 " in line]
    assert [
        f"contracts: error K004 the contract of 'consent.changed' needs the field '{name}' of type {kind}; "
        "declare it, or leave this event type to the built-in contract"
        for name, kind in (("channel", "string"), ("granted", "boolean"))
    ] == found


def test_constraints_that_are_not_enforced_are_told(folder: Path) -> None:
    """A constraint of a contract that no validator checks is a warning at its place, so that nobody relies on it."""
    rewrite(folder / "contracts/shop.odcs.yaml", "{name: price, logicalType: number}", "{name: price, logicalType: number, unique: true}")
    rewrite(folder / "contracts/shop.odcs.yaml", "logicalTypeOptions: {minimum: 0}", "logicalTypeOptions: {multipleOf: 5}")
    found = findings_of(folder)
    assert any(line.startswith("contracts/shop.odcs.yaml:") and ": warning K003 " in line for line in found), found


def test_files_in_the_wrong_place_are_reported(folder: Path) -> None:
    """A document in another kind's folder, and a file by a name that is not read, are not passed over in silence."""
    (folder / "journeys/welcome.yaml").rename(folder / "content/journey.yaml")
    (folder / "journeys/other.yml").write_text("a: 1\n", encoding="utf-8")
    (folder / "journeys/.hidden.yaml").write_text("a: 1\n", encoding="utf-8")
    (folder / "contracts/notes.yaml").write_text("a: 1\n", encoding="utf-8")
    assert [
        "content/journey.yaml:2:1: error W002 a journey does not belong here; move it to journeys/",
        "contracts/notes.yaml: error W002 not a contract by its name; rename it to end in .odcs.yaml",
        "journeys/other.yml: error W002 a .yml file is not read; rename it to end in .yaml",
    ] == findings_of(folder)


@pytest.mark.parametrize("place", ["examples/shop", "pilotage/simulate/demo"])
def test_the_workspaces_that_come_along_are_without_errors(place: str) -> None:
    """The example and the demo workspace compile."""
    compiled = compile_workspace(load(ROOT / place, {}), ZONES)
    assert (0, True) == (errors(compiled.findings), compiled.plan is not None), "\n".join(finding.text for finding in compiled.findings)


def test_how_long_log_and_history_are_kept_is_a_setting(tmp_path: Path) -> None:
    """Whole days; without a word the log is kept for 30 of them and history for ever."""
    init(tmp_path / "shop", write_key="k")
    usual = load(tmp_path / "shop", {})
    assert (30, 0) == (usual.log_days, usual.history_days)
    settings = tmp_path / "shop" / "pilotage.yaml"
    settings.write_text(settings.read_text() + "log: {retention: 90d}\nhistory: {retention: 36h}\n")
    said = load(tmp_path / "shop", {})
    assert ((), 90, 2) == (said.findings, said.log_days, said.history_days)
