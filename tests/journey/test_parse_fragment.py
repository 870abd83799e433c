"""Fragments: inlined under paths, filled in by type, and every mistake found in the file where it stands."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.journey.findings import Severity
from pilotage.journey.plan import Branch, Send, Wait, decode_plan, encode_plan
from tests.journey.sample import changed, compiled, journey_of, plan_of, texts
from tests.journey.test_parse import PIECES, mangled

J, F, G = "journeys/cart.yaml", "fragments/ask.yaml", "fragments/outer.yaml"
ASK = """\
schema: 1
kind: fragment
name: ask
version: "1"
parameters:
  content: {type: content}
  pause: {type: duration, default: 2d}
  worth: {type: number, default: 0.5}
  tier: {type: string, default: gold}
  late: {type: step, default: end}
steps:
  - {id: rich, branch: [{when: tier = $tier and trigger.price > $worth, goto: send}], next: $late}
  - {id: send, send: email, content: $content, on_blocked: end}
  - {id: pause, wait: {until: order.placed, timeout: $pause}, on_timeout: $late}
"""
OUTER = """\
schema: 1
kind: fragment
name: outer
version: "2"
parameters: {what: {type: content}, then: {type: step}}
steps:
  - {id: first, fragment: ask, version: "1", with: {content: $what, late: $then}}
  - {id: last, wait: {for: 1d}}
"""
DAY = "  - {id: day, wait: {for: 23h}}\n"


def using(step: str, ask: str = ASK, outer: str = OUTER) -> dict[str, str]:
    """The sample with a step in the place of its day of waiting, and two fragments."""
    return {**changed(J, DAY, f"  - {step}\n"), F: ask, G: outer}


USE = '{id: day, fragment: ask, version: "1", with: {content: reminder, pause: 3h, worth: 20, tier: "o\'clock", late: bought}}'


def test_a_fragment_is_inlined_under_the_path_of_its_step() -> None:
    """The steps of a fragment stand in the plan under paths, filled in, and lead to each other, to what follows and out."""
    steps = {step.id: step for step in journey_of(using(USE)).steps}
    rich, send, pause = steps["day/rich"], steps["day/send"], steps["day/pause"]
    assert isinstance(rich, Branch) and isinstance(send, Send) and isinstance(pause, Wait)
    assert ("tier = 'o''clock' and trigger.price > 20", "day/send", "bought") == (rich.edges[0].when.text, rich.edges[0].goto, rich.next)
    assert ("reminder", "day/pause", "check") == (send.content, send.next, send.on_blocked)
    assert (3 * 3_600_000_000, "check", "bought") == (pause.timeout_us, pause.next, pause.on_timeout)
    assert "day" not in steps and "day/rich" == steps["remind"].next


def test_a_parameter_that_is_not_given_has_its_default() -> None:
    """What a journey does not give is as the fragment says; the default of an edge is the fragment's end."""
    steps = {step.id: step for step in journey_of(using('{id: day, fragment: ask, version: "1", with: {content: reminder}}')).steps}
    rich, pause = steps["day/rich"], steps["day/pause"]
    assert isinstance(rich, Branch) and isinstance(pause, Wait)
    assert ("tier = 'gold' and trigger.price > 0.5", "check", 2 * 86_400_000_000) == (rich.edges[0].when.text, rich.next, pause.timeout_us)


def test_fragments_use_fragments() -> None:
    """A fragment may use another and hand on what it was given, edges too."""
    use = '{id: day, fragment: outer, version: "2", with: {what: reminder, then: bought}}'
    steps = {step.id: step for step in journey_of(using(use)).steps}
    assert ["day/first/rich", "day/first/send", "day/first/pause", "day/last"] == [name for name in steps if name.startswith("day/")]
    assert ("bought", "day/last", "check") == (steps["day/first/rich"].next, steps["day/first/pause"].next, steps["day/last"].next)


def test_a_version_is_declared_or_a_digest() -> None:
    """The digest that pins a version is what `sha256sum` says of the file; one changed byte is another version."""
    digest = hashlib.sha256(ASK.encode()).hexdigest()
    plan = plan_of(using(USE))
    assert plan == plan_of(using(USE.replace('"1"', f"sha256:{digest[:12]}")))
    refused = compiled(using(USE.replace('"1"', f"sha256:{digest[:12]}"), ASK + "# a remark\n"))[1]
    assert ["F002"] == [finding.rule for finding in refused]


def test_versions_lie_side_by_side() -> None:
    """Two versions of one fragment are two documents; each journey keeps the one it names."""
    second = ASK.replace('version: "1"', 'version: "1.1"').replace("default: 2d", "default: 5d")
    files = {**using(USE), "fragments/ask-1.1.yaml": second}
    assert plan_of(using(USE)) == plan_of(files)
    found = texts(compiled({**files, "fragments/zz.yaml": ASK})[1])
    assert ["fragments/zz.yaml:3:1: error D014 the fragment 'ask' is declared in fragments/ask.yaml already; rename or remove one"] == found


def test_prose_does_not_change_a_journey() -> None:
    """A remark or a description in a fragment leaves the digest of the journeys that use it as it is."""
    told = ASK.replace('version: "1"\n', 'version: "1"\ndescription: Ask them.\n').replace("id: send,", "id: send, note: politely,")
    assert journey_of(using(USE)).digest == journey_of(using(USE, told)).digest


MISTAKES = [
    # in which file, what stands there, what is written instead («: the place of the finding), and how the finding begins
    (J, "fragment: ask", "fragment: «aks", "error F001 unknown fragment 'aks'; did you mean 'ask'? Fragments are: ask, outer"),
    (J, '"1"', '«"3"', "error F002 the fragment 'ask' has no version '3'; what there is: '1'"),
    (J, ', version: "1"', "", f"{J}:14:5: error D010 step 'day' has no 'version'; add 'version'"),
    (
        J,
        "content: reminder, pause: 3h",
        "pause: 3h",
        f"{J}:14:50: error F004 the fragment 'ask' needs the parameter 'content'; add 'content'",
    ),
    (J, "pause: 3h", "«pouse: 3h", "error F005 the fragment 'ask' has no parameter 'pouse'; did you mean 'pause'?"),
    (J, "pause: 3h", "pause: «3", "error F006 the parameter 'pause' is of type duration: the number 3 has no unit; write for example 30d"),
    (J, "worth: 20", "worth: «much", "error F006 the parameter 'worth' is of type number: 'much' is not a number; write a number"),
    (J, "content: reminder, pause", "content: «remainder, pause", "error J017 unknown content 'remainder'; did you mean 'reminder'?"),
    (J, "late: bought", "late: «bougth", "error J012 unknown step 'bougth'; did you mean 'bought'?"),
    (F, "send: email, content: $content", "send: email, content: «$contend", "error F005 the fragment has no parameter 'contend'; did you"),
    (F, "tier = $tier", "tier = «$tear", "error F005 the fragment has no parameter 'tear'; did you mean 'tier'?"),
    (F, "timeout: $pause", "timeout: «$late", "error F007 the parameter 'late' is of type step and does not fit here"),
    (F, "on_timeout: $late", "on_timeout: «$pause", "error F007 the parameter 'pause' is of type duration and does not fit here; use a"),
    (F, "timeout: $pause", "timeout: «$worth", "error D017 'timeout': the number 20 has no unit"),
    (F, "trigger.price > $worth", "«trigger.prize > $worth", "error E001 cart.added has no field prize; did you mean price?"),
    (F, "tier = $tier and trigger.price", "tier = $tier and «trigger.prize", "error E001 cart.added has no field prize"),
    (F, "> $worth", "> $worth and «nothing", "error E001"),
    (F, "goto: send", "goto: «sent", "error J012 unknown step 'sent'; did you mean 'send'? Steps are: pause, rich, send"),
    (F, "goto: send", "goto: «bought", "error J012 unknown step 'bought'"),
    (F, "default: 2d", "default: «2", "error F006 the parameter 'pause' is of type duration: the number 2 has no unit"),
    (
        F,
        "late: {type: step, default: end}",
        "late: {type: step, default: «send}",
        "error F006 the parameter 'late' cannot lead to a step of",
    ),
    (F, "timeout: $pause", "timeout: 1d", "fragments/ask.yaml:7:3: warning F008 no step uses the parameter 'pause'; use it as $pause"),
    (F, "type: duration", "type: «span", "error D016 'type' cannot be 'span'; Choices are: attribute"),
    (F, "on_blocked: end}", "on_blocked: end, next: send}", f"{F}:14:6: error J013 no way leads to step 'day/pause'"),
    (G, "fragment: ask", "fragment: «nothing", ""),
]


@pytest.mark.parametrize(("path", "old", "new", "beginning"), MISTAKES, ids=range(len(MISTAKES)))
def test_mistakes_are_found_where_they_stand(path: str, old: str, new: str, beginning: str) -> None:
    """A mistake in a fragment, or in how it is used, is reported with its file, line, column and cure."""
    files = using(USE)
    assert files[path].count(old) >= 1
    source = files[path].replace(old, new, 1)
    at = source.find("«")
    files[path] = source.replace("«", "")
    expected = f"{path}:{source[:at].count(chr(10)) + 1}:{at - source.rfind(chr(10), 0, at)}: {beginning}" if at >= 0 else beginning
    found = texts(compiled(files)[1])
    assert any(finding.startswith(expected) for finding in found) or (not beginning and not found), "\n".join(found)


@given(st.sampled_from((J, F, G)), st.lists(st.tuples(st.integers(0, 10_000), PIECES), min_size=1, max_size=4))
def test_no_mangled_fragment_crashes_the_compiler(path: str, changes: list[tuple[int, str]]) -> None:
    """Whatever stands in the place of a value or key of a fragment or its use, there is a plan, or a finding that is an error."""
    files = using('{id: day, fragment: outer, version: "2", with: {what: reminder, then: bought}}')
    files[path] = mangled(files[path], changes)
    plan, findings = compiled(files)
    assert (plan is None) == any(finding.severity is Severity.ERROR for finding in findings)
    assert plan is None or plan == decode_plan(encode_plan(plan))


def test_a_fragment_may_not_contain_itself() -> None:
    """A fragment that leads back to itself is refused with the chain, in the place that closes it."""
    inside = OUTER.replace("fragment: ask", "fragment: outer").replace('version: "1"', 'version: "2"').replace("content:", "what:")
    use = '{id: day, fragment: outer, version: "2", with: {what: reminder, then: bought}}'
    found = texts(compiled(using(use, outer=inside.replace("late:", "then:")))[1])
    assert ["fragments/outer.yaml:7:17: error F003 the fragment 'outer' contains itself: outer → outer"] == [
        text.partition(";")[0] for text in found
    ]


def test_fragments_do_not_multiply_without_bound() -> None:
    """A journey that would have thousands of steps once its fragments stand in it is refused."""
    files, parts = using('{id: day, fragment: f0, version: "1"}'), "\n".join
    for depth in range(5):
        steps = (
            [f'  - {{id: s{n}, fragment: f{depth + 1}, version: "1"}}' for n in range(9)] if depth < 4 else ["  - {id: w, wait: {for: 1d}}"]
        )
        files[f"fragments/f{depth}.yaml"] = f'schema: 1\nkind: fragment\nname: f{depth}\nversion: "1"\nsteps:\n{parts(steps)}\n'
    found = {text.partition("; ")[0] for text in texts(compiled(files)[1])}
    assert {"journeys/cart.yaml:11:1: error F009 with its fragments the journey has more than 1000 steps"} == found
