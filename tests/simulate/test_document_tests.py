"""Tests in documents: run by the production `advance`, they tell exactly what came out otherwise than expected."""

import pytest

from pilotage.journey.document import read_document
from pilotage.journey.edges import StepEdge
from pilotage.journey.findings import Report
from pilotage.simulate.document_tests import run_tests
from tests.journey.scenario import CONTENT, ZONES, compile_documents
from tests.simulate.written import CART, TESTS, differences, outcome


def test_tests_that_hold_pass() -> None:
    """A test whose expectations hold has no difference, and the edges on its way are covered."""
    result, findings = outcome(TESTS)
    assert [] == findings
    assert [()] * 2 == [test.differences for test in result.results]
    assert {StepEdge("hour", "next", "bought"), StepEdge("remind", "next", "morning")}.isdisjoint(result.uncovered)


def test_edges_that_no_test_takes_are_named() -> None:
    """Every edge is counted: entering, holdout, exit rules, the goal, and each way out of each step."""
    result, _ = outcome(TESTS)
    assert 19 == len(result.edges)
    assert [
        "held out",
        "exit: complaint",
        "test arm desk → ask",
        "remind on_blocked → end",
        "remind on_failure → ask",
        "ask next → which",
        "ask on_failure → end",
        "ask on_timeout → end",
        "which when journey.n > 1 → mark",
        "mark next → tell",
        "tell next → end",
    ] == [edge.text for edge in result.uncovered]


def test_tests_are_no_part_of_any_digest() -> None:
    """A journey with tests has the digest of the journey without them, and so has the plan."""
    assert compile_documents(CONTENT, CART).digest == compile_documents(CONTENT, CART + TESTS).digest


DIFFERENCES = [
    ("{enters: false}", "", "", [("enters", "does not enter", "enters")]),
    ("{steps: [hour, remind]}", ", {type: order.placed, data: {total: 1}}", "", [("steps", "hour → remind", "hour → bought")]),
    ("{messages: []}", "", ", arms: {test: mail}", [("messages, item 1", "nothing", "remind  email  note  Mon 2 Mar 2026 11:00")]),
    (
        "{messages: [{content: note, after: 2h}, {step: remind}]}",
        "",
        ", arms: {test: mail}",
        [
            ("messages, item 1", "note  Mon 2 Mar 2026 12:00", "remind  email  note  Mon 2 Mar 2026 11:00"),
            ("messages, item 2", "remind", "nothing"),
        ],
    ),
    (
        "{messages: [{variables: {trigger.price: 21}}]}",
        "",
        ", arms: {test: mail}",
        [("messages, item 1", "trigger.price=21", "remind  email  note  trigger.price=20  Mon 2 Mar 2026 11:00")],
    ),
    (
        "{calls: [{data: {price: 5}}]}",
        "",
        ", arms: {test: desk}",
        [("calls, item 1", "price=5", "ask  desk  price=20  Mon 2 Mar 2026 11:00")],
    ),
    (
        "{decisions: [resumed hour, entered]}",
        ", {type: order.placed, data: {total: 1}}",
        "",
        [("decisions", "resumed hour, entered (not found: entered)", "entered, waited hour, goal hour, resumed hour, exited bought")],
    ),
    ("{ends: bought}", "", ", arms: {test: desk}", [("ends", "bought", "end  Mon 2 Mar 2026 11:00")]),
    ("{rests: hour}", "", ", arms: {test: desk}", [("rests", "hour", "there is no entry any more")]),
    ("{attributes: {mood: good}}", "", ", arms: {test: desk}", [("attributes, mood", "good", "nothing")]),
]


@pytest.mark.parametrize(("expect", "events", "given", "expected"), DIFFERENCES, ids=[each[0] for each in DIFFERENCES])
def test_every_difference_is_shown(expect: str, events: str, given: str, expected: list[tuple[str, str, str]]) -> None:
    """An expectation that does not hold is told with what was expected and what came out."""
    assert expected == differences(expect, events, given)


HOLDS = [
    ("{steps: [], ends: holdout observed to its end}", "", ", held_out: true", ""),
    (
        "{steps: [hour, test, ask, which, mark, tell], attributes: {mood: good}}",
        "",
        ", arms: {test: desk}",
        "desk: {fate: answered, body: {n: 2}}",
    ),
    ("{decisions: [called ask, timed_out ask], ends: {after: 1h1m}}", "", ", arms: {test: desk}", "ask: none"),
    ("{decisions: [failed ask], ends: end}", "", ", arms: {test: desk}", "ask: failed"),
    ("{decisions: [failed remind, called ask]}", "", ", arms: {test: mail}", "remind: {fate: failed, reason: mailbox full}"),
    ("{decisions: [blocked remind], ends: 'blocked: message.refused'}", "", ", arms: {test: mail}", "remind: refused"),
    ("{steps: [hour, test, remind], rests: remind}", "", ", arms: {test: mail}", "remind: none"),
    ("{ends: complaint, steps: [hour], messages: []}", ", {type: complaint.opened, after: 5m, data: {text: late}}", "", ""),
    ("{enters: true, decisions: [refused]}", ", {type: cart.added, after: 5m, data: {price: 30}}", "", ""),
    ("{messages: [{at: '2026-03-02T14:00+01:00'}]}", "", ", zone: America/New_York, arms: {test: mail}", ""),
]


@pytest.mark.parametrize(("expect", "events", "given", "fates"), HOLDS, ids=[f"{each[0]} {each[3]}" for each in HOLDS])
def test_what_the_world_answers_is_part_of_the_test(expect: str, events: str, given: str, fates: str) -> None:
    """Arms, holdout, zone, consents, receipts, answers and events are what the test says."""
    start = ", start: '2026-03-02T10:00+01:00'" if "14:00+01" in expect else ""
    fates = fates.replace("desk:", "ask:", 1)
    assert [] == differences(expect, events, given, f", fates: {{{fates}}}{start}" if fates else start)


def test_a_message_that_may_not_leave_any_more_comes_back_refused() -> None:
    """A revocation cancels what is not handed over yet, and quiet hours are asked again at the hand-over, as the dispatcher does."""
    revoked = ", {type: consent.changed, after: 90m, data: {purpose: marketing.cart, channel: email, granted: false}}"
    late = ", fates: {remind: {fate: sent, after: 2h}}"
    assert [] == differences(
        "{decisions: [sent remind, blocked remind], ends: 'blocked: cancelled before it left'}", revoked, ", arms: {test: mail}", late
    )
    night = ", start: 2026-03-02T19:30, fates: {remind: {fate: sent, after: 1h}}"
    came = "{decisions: [sent remind, delivered remind, waited morning], ends: {at: 2026-03-03T09:00}}"
    assert [] == differences(came, "", ", arms: {test: mail}", night)
    weekend = ", fates: {remind: {fate: sent, after: 25h}}"
    assert [] == differences("{ends: 'blocked: expired before it could leave'}", "", ", arms: {test: mail}", weekend)


def test_reactions_are_about_the_message_that_was_sent() -> None:
    """An event message.* of a step is about the latest message that the step sent; without one the test cannot go on."""
    opened = ", {type: message.opened, of: remind, after: 2h}"
    assert [] == differences("{steps: [hour, test, remind, morning, which]}", opened, ", arms: {test: mail}")
    found = differences("{enters: true}", opened, ", arms: {test: desk}")
    assert [("run", "runs to its end", "step 'remind' has sent nothing by the time of message.opened")] == found


def test_a_test_may_stop_before_the_end() -> None:
    """With `until` the test looks at what is so at that time."""
    assert [] == differences("{rests: hour}", "", "", ", until: 30m")


BUSY = """
schema: 1
kind: journey
name: growth.recovery.busy
purpose: marketing.cart
enter: {on: cart.added, reentry: always}
steps:
  - {id: one, send: email, content: plain, on_blocked: two}
  - {id: two, send: email, content: plain, on_blocked: end}
"""


def test_the_journey_runs_alone_unless_others_are_beside_it() -> None:
    """A journey named under `beside` runs as well and uses the same budgets; its own messages are not held against the test."""
    given = "given: {attributes: {email: a@example.test}, consents: {marketing.cart: [email]}, arms: {test: mail}}"
    written = "tests:\n" + "".join(
        f"  - {{name: {name}, {given}{beside}, events: [{{type: cart.added, data: {{price: 20}}}}], expect: {{messages: {messages}}}}}\n"
        for name, beside, messages in (("alone", "", "[{step: remind}]"), ("beside", ", beside: [growth.recovery.busy]", "[]"))
    )
    plan, report = compile_documents(CONTENT, CART + written, BUSY), Report()
    document = read_document((CART + written).encode(), "journeys/cart.yaml", report)
    assert document is not None
    [result] = run_tests([document], plan, ZONES, report)
    assert ([], [(), ()]) == (list(report.findings), [test.differences for test in result.results])


def test_an_unknown_journey_beside_is_told() -> None:
    """Only journeys of the plan can run beside one."""
    result, findings = outcome("tests: [{name: it, beside: [growth.recovery.other], expect: {enters: false}}]\n")
    assert "unknown journey 'growth.recovery.other'" in findings[0]
    assert () == result.results


NESTED = """\
schema: 1
kind: journey
name: growth.recovery.nested
purpose: service.payment
enter: {on: cart.added, reentry: always}
steps:
  - id: again
    repeat:
      times: 2
      until: "performed('order.placed', '7d')"
      steps:
        - {id: nudge, send: email, content: plain, on_blocked: end}
        - {id: pause, wait: {for: 1d}}
  - {id: other, journey: growth.recovery.inner, timeout: 3d, outcomes: {bought: glad}, on_failure: end, on_timeout: end, next: end}
  - {id: glad, exit: glad}
"""
INNER = """\
schema: 1
kind: journey
name: growth.recovery.inner
enter: {on: app.opened, reentry: never}
steps:
  - {id: wait, wait: {until: order.placed, timeout: 10d}, next: which, on_timeout: end}
  - {id: which, branch: [{when: "count('order.placed', '60d') > 1", goto: gone}]}
  - {id: bought, exit: bought}
  - {id: gone, exit: gone}
"""
NESTED_TESTS = """\
tests:
  - name: two rounds, then an order in the other journey
    given: &ada {attributes: {email: a@example.test}}
    events: [{type: cart.added, data: {price: 1}}, {type: order.placed, after: 49h, data: {total: 1}}]
    expect:
      steps: [again, again/nudge, again/pause, again, again/nudge, again/pause, again, other, glad]
      messages: [{step: again/nudge, at: 2026-03-02T10:00}, {step: again/nudge, after: 1d}]
      ends: {reason: glad, after: 49h}
  - name: no round begins after an order, and whoever was there before is not entered again
    given: *ada
    events:
      - {type: app.opened}
      - {type: order.placed, data: {total: 1}}
      - {type: cart.added, after: 1h, data: {price: 1}}
    expect: {steps: [again, other], messages: [], decisions: [failed other]}
  - name: the other journey takes too long, and there is no address
    events: [{type: cart.added, data: {price: 1}}]
    expect: {steps: [again, again/nudge, again, again/nudge, again, other], messages: [], decisions: [blocked again/nudge, timed_out other]}
"""


def test_rounds_and_other_journeys_are_edges_too() -> None:
    """A repeat has an edge for a round, a step that awaits another journey one for each of its ends; that journey runs along."""
    written = NESTED_TESTS
    plan, report = compile_documents(NESTED + written, INNER), Report()
    document = read_document((NESTED + written).encode(), "journeys/nested.yaml", report)
    assert document is not None
    [result] = run_tests([document], plan, ZONES, report)
    assert ([], [()] * 3) == (list(report.findings), [test.differences for test in result.results])
    assert ["other next → end"] == [edge.text for edge in result.uncovered]
    assert "other comes back bought → glad" in [edge.text for edge in result.edges]


WORK = """\
schema: 1
kind: journey
name: growth.recovery.work
enter: {on: cart.added, reentry: always}
steps:
  - {id: choose, decide: offers, by: weights, actions: {ring: ring, gift: gift}, next: end}
  - id: ring
    task: Ring them
    team: service
    data: {price: trigger.price}
    outcomes: {reached: glad, gone: end}
    sla: 1d
    remind: [4h]
    escalate: heads
    timeout: 3d
    on_timeout: end
    on_failure: end
  - {id: glad, exit: glad}
  - {id: gift, exit: gift}
"""
OFFERS = """\
schema: 1
kind: catalogue
name: offers
actions:
  ring: {description: A call, when: trigger.price > 1, weight: 1}
  gift: {description: A gift, when: trigger.price > 1, weight: 9}
"""
WORK_TESTS = """\
tests:
  - name: a person reaches them
    given: {arms: {choose: ring}}
    fates: {ring: {fate: completed, outcome: reached, after: 2h, person: ada}}
    events: [{type: cart.added, data: {price: 20}}]
    expect:
      steps: [choose, ring, glad]
      tasks: [{step: ring, to: service, told: opened, data: {price: 20}, at: 2026-03-02T10:00}]
      ends: {reason: glad, after: 2h}
  - name: nobody does it
    given: {arms: {choose: ring}}
    events: [{type: cart.added, data: {price: 20}}]
    expect:
      tasks: [{to: service, told: opened}, {to: service, told: reminder, after: 4h}, {to: heads, told: escalated, after: 1d}]
      ends: {reason: end, after: 3d}
  - name: they are gone
    given: {arms: {choose: ring}}
    fates: {ring: {fate: completed, outcome: gone}}
    events: [{type: cart.added, data: {price: 20}}]
    expect: {decisions: [completed ring], ends: end}
  - name: nobody can be told
    given: {arms: {choose: ring}}
    fates: {ring: failed}
    events: [{type: cart.added, data: {price: 20}}]
    expect: {decisions: [failed ring], ends: end}
  - name: a gift
    given: {arms: {choose: gift}}
    events: [{type: cart.added, data: {price: 20}}]
    expect: {steps: [choose, gift], tasks: [], ends: gift}
  - name: nothing is open
    events: [{type: cart.added, data: {price: 1}}]
    expect: {steps: [choose], ends: end}
"""


def test_people_and_choices_are_part_of_the_test() -> None:
    """A test says what people do about a task and which action falls to the customer; what people are told can be expected."""
    plan, report = compile_documents(WORK + WORK_TESTS, OFFERS), Report()
    document = read_document((WORK + WORK_TESTS).encode(), "journeys/work.yaml", report)
    assert document is not None
    [result] = run_tests([document], plan, ZONES, report)
    assert ([], [()] * 6, ()) == (list(report.findings), [test.differences for test in result.results], result.uncovered)


def of_work(part: str) -> tuple[list[str], list[tuple[str, str]]]:
    """The findings and differences of one test of the journey with a task and a decision."""
    written = f"tests: [{{name: it, events: [{{type: cart.added, data: {{price: 1}}}}], expect: {{enters: true}}, {part}}}]\n"
    plan, report = compile_documents(WORK + written, OFFERS), Report()
    document = read_document((WORK + written).encode(), "journeys/work.yaml", report)
    assert document is not None
    [result] = run_tests([document], plan, ZONES, report)
    found = [(each.what, each.actual) for test in result.results for each in test.differences]
    return [finding.text.partition(": ")[2] for finding in report.findings], found


def test_what_a_task_cannot_come_to_is_told() -> None:
    """A task is completed with one of its outcomes; it is neither sent nor answered."""
    [lost] = of_work("fates: {ring: {fate: completed, outcome: lost}}")[0]
    assert lost.startswith("error T006 the task has no outcome 'lost'; ")
    assert ["error T006 a task is completed with an outcome"] == [text.partition(";")[0] for text in of_work("fates: {ring: completed}")[0]]
    [sent] = of_work("fates: {ring: sent}")[0]
    assert sent == "error T006 a task cannot be 'sent'; write one of completed, failed, none"


def test_a_choice_that_never_falls_so_is_told() -> None:
    """Where no customer gets the action that a test asks for, the test says so."""
    assert ([], [("run", "for 1000 customers nothing is chosen as given (choose: gift)")]) == of_work("given: {arms: {choose: gift}}")


WRONG = [
    ("events: [{type: cart.aded, data: {price: 1}}]", "cart.aded", "T001 unknown event type 'cart.aded'; did you mean 'cart.added'?"),
    ("events: [{type: cart.added, data: {price: dear}}]", "dear", "T002 cart.added: $.price: expected number"),
    ("events: [{type: order.placed, at: 2026-03-02T09:00}]", "2026", "T003 the event lies before"),
    ("given: {attributes: {spent: much}}", "much", "T005 'spent' is of type number"),
    ("given: {attributes: {spend: 1}}", "spend", "T001 unknown attribute 'spend'; did you mean 'spent'?"),
    ("given: {zone: Europe/Berln}", "Europe", "T001 unknown time zone 'Europe/Berln'; did you mean 'Europe/Berlin'?"),
    ("given: {arms: {test: letter}}", "letter", "T001 unknown arm 'letter'"),
    ("given: {consents: {marketing.card: [email]}}", "marketing", "T001 unknown purpose 'marketing.card'"),
    ("fates: {remind: answered}", "answered", "T006 a message cannot be 'answered'"),
    ("fates: {hour: failed}", "hour", "T001 unknown send, call or task step 'hour'"),
    ("until: 1h, events: [{type: cart.added, after: 2h, data: {price: 1}}]", "1h", "T006 an event comes after the test's end"),
    ("events: [{type: message.opened}]", "{type", "T006 'message.opened' does not say which message it is about; add 'of'"),
    ("events: [{type: audience.entered, data: {audience: x}}]", "audience", "T006 a test cannot bring about 'audience.entered'"),
]


@pytest.mark.parametrize(("part", "word", "expected"), WRONG, ids=[each[0] for each in WRONG])
def test_mistakes_in_tests_have_their_place(part: str, word: str, expected: str) -> None:
    """What a test names or writes wrongly is reported with file, line, column, rule and cure, and the test is not run."""
    line = f"tests: [{{name: it, expect: {{enters: true}}, {part}}}]"
    result, (finding,) = outcome(line + "\n")
    assert f"journeys/cart.yaml:{CART.count(chr(10)) + 1}:{line.index(word) + 1}: error {expected}" in finding
    assert () == result.results


VISIT = """
schema: 1
kind: journey
name: service.orders.visit
owner: {responsible: crm}
purpose: service.payment
enter: {on: order.placed, reentry: always}
steps:
  - {id: write, send: email, content: plain, expires: 1d, on_blocked: end, on_failure: end}
  - {id: ring, task: Ring, team: care, sla: 1d, timeout: 2d, outcomes: {reached: good, not_reached: end}, on_timeout: end}
  - {id: good, exit: good}
"""
APOLOGY = """
schema: 1
kind: journey
name: service.orders.apology
owner: {responsible: crm}
purpose: service.payment
enter: {on: complaint.opened, reentry: always}
steps:
  - {id: visit, journey: service.orders.visit, timeout: 7d, outcomes: {good: done}, next: end, on_failure: end}
  - {id: done, exit: mended}
tests:
  - name: what becomes of the other journey's steps is said by its name
    given: {attributes: {email: a@example.test}}
    fates: {service.orders.visit/ring: {fate: completed, outcome: reached, after: 2h}}
    events:
      - {type: complaint.opened}
      - {type: message.opened, of: service.orders.visit/write, after: 1h}
    expect:
      decisions: [requested visit, opened service.orders.visit/ring, completed service.orders.visit/ring, answered visit]
      ends: mended
  - name: a message of the other journey that fails ends it otherwise
    given: {attributes: {email: a@example.test}}
    fates: {service.orders.visit/write: failed}
    events: [{type: complaint.opened}]
    expect: {decisions: [failed service.orders.visit/write, answered visit], ends: end}
"""


def of_apology(written: str) -> tuple[list[tuple[str, ...]], list[str]]:
    """How the tests of a journey that enters another one differ, and the findings."""
    plan, report = compile_documents(VISIT, APOLOGY), Report()
    document = read_document(written.encode(), "apology.yaml", report)
    assert document is not None
    results = run_tests([document], plan, ZONES, report)
    told = [(each.what, each.expected, each.actual) for result in results for test in result.results for each in test.differences]
    return told, [finding.text for finding in report.findings]


def test_steps_of_an_entered_journey_are_named_with_it() -> None:
    """A test says what becomes of what an entered journey hands over, is about its messages, and expects its decisions, each named
    JOURNEY/STEP; what does not come about is told with all that was decided."""
    assert ([], []) == of_apology(APOLOGY)
    told, _ = of_apology(APOLOGY.replace("failed service.orders.visit/write, answered", "opened service.orders.visit/ring, answered"))
    assert [("decisions", "opened service.orders.visit/ring, answered visit (not found: opened service.orders.visit/ring)")] == [
        difference[:2] for difference in told
    ]
    assert "failed service.orders.visit/write" in told[0][2]


def test_a_step_of_a_journey_that_does_not_run_is_told() -> None:
    """A step that the other journey does not have, and one of a journey that does not run as well, are told with what was meant."""
    _, findings = of_apology(APOLOGY.replace("visit/ring: {fate", "visit/rign: {fate"))
    assert "did you mean 'service.orders.visit/ring'?" in findings[0]
    _, findings = of_apology(APOLOGY.replace("fates: {service.orders.visit/write", "fates: {growth.recovery.cart/write"))
    assert "unknown send, call or task step 'growth.recovery.cart/write'" in findings[0]
