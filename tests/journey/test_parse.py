"""Mistakes in documents: each kind is found, at its place, with a cure."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.journey.findings import RULES, WARNINGS, Severity
from pilotage.journey.plan import Call, Exit, Send, Split, Wait, decode_plan, encode_plan
from tests.journey.sample import FILES, changed, compiled, journey_of, texts

J, C, P, A = "journeys/cart.yaml", "content/reminder.yaml", "policies/contact.yaml", "profile.yaml"
HOUR = "{until: order.placed, where: trigger.total > 10, timeout: 1h}"

MISTAKES = [
    # the file, what stands in it, what is written instead ('«' marks the place of the finding), and how the finding begins
    (J, "holdout: 5%", "holdout: 5%\n«hold: 5%", "error D009 unknown key 'hold' in the journey; did you mean 'holdout'?"),
    (J, "content: reminder, ", "", "journeys/cart.yaml:13:5: error D010 step 'remind' has no 'content'; add 'content'"),
    (J, "goal: {when: trigger.type = 'order.placed', within: 30d,", "goal: «{when: trigger.type = 'order.placed',", "error D010"),
    (J, "holdout: 5%", "holdout: «[5%]", "error D011 'holdout' must be a single value, not a list"),
    (J, "owner: {responsible: shop-team}", "owner: {responsible: «5}", "error D011 'responsible': the number 5 is not text"),
    (J, "kpi: orders", "kpi: «null", "error D011 'kpi': null is not a name"),
    (J, "schema: 1", "schema: «2", "error D012 'schema': the number 2 is not a known schema version; write 'schema: 1'"),
    (J, "kind: journey", "«kind: jorney", "error D013 unknown kind 'jorney'; kinds are: asset, audience, brand, calendar, catalogue"),
    (J, "kind: journey", "", "journeys/cart.yaml:1:1: error D010 the document has no 'kind'"),
    (J, "id: hour", "id: «1st", "error D015 'id': '1st' is not an id"),
    (J, "reentry: {after: 90d}", "reentry: «sometimes", "error D016 'reentry' cannot be 'sometimes'; Choices are: always, never"),
    (J, "expires: 2d", "expires: «2 dayz", "error D017 'expires': '2 dayz' is not a duration; write for example 30d"),
    (J, "expires: 2d", "expires: «5", "error D017 'expires': the number 5 has no unit"),
    (J, "expires: 2d", "expires: «0s", "error D017 'expires': '0s' is not between"),
    (J, "holdout: 5%", "holdout: «105%", "error D018 'holdout': '105%' is not a percentage"),
    (J, 'at: "09:00"', 'at: «"24:00"', "error D019 'at': '24:00' is not a time of day"),
    (J, "[{when: tier = 'gold', goto: mark}]", "«[]", "error D020 'branch' is empty"),
    (P, "limit: 2", "limit: «0", "error D021 'limit': 0 is not between 1 and 1000000"),
    (J, "trigger.price > 0", "«trigger.prize > 0", "error E001 cart.added has no field prize; did you mean price?"),
    (J, "tier = 'gold'", "tier = «5", "error E001"),
    (J, 'attributes: {score: "1"}', "attributes: {score: «tier}", "error E002 'score' is of type number, but the value is of type string"),
    (J, "value: trigger.total", "value: «trigger.order_id", "error E002 the goal's value is of type string, not a number"),
    (J, "name: growth.recovery.cart", "«name: cart", "warning J001 the name 'cart' is not of the form stage.purpose.name"),
    (J, "owner: {responsible: shop-team}\n", "", "journeys/cart.yaml:1:1: warning J002 journey 'growth.recovery.cart' has no owner"),
    (J, "stage: growth", "stage: «grwoth", "warning J003 unknown stage 'grwoth'; did you mean 'growth'?"),
    (J, "on: cart.added", "on: «cart.add", "error J004 unknown event type 'cart.add'; did you mean 'cart.added'?"),
    (J, "until: order.placed", "until: «order.paid", "error J004 unknown event type 'order.paid'; did you mean 'order.placed'?"),
    (
        J,
        "purpose: marketing.cart",
        "purpose: «marketing.card",
        "error J005 unknown purpose 'marketing.card'; did you mean 'marketing.cart'?",
    ),
    (
        J,
        "{id: bought, exit: bought}",
        "{id: bought, «leave: bought}",
        "error J006 step 'bought' does not say what to do; Kinds of steps are: approve, branch, call",
    ),
    (J, "{id: bought, exit: bought}", "«{id: bought, exit: bought, wait: {for: 1d}}", "error J006 step 'bought' has 'wait' and 'exit'"),
    (J, "id: day,", "«id: hour,", "error J007 the step id 'hour' is used on line 12 already"),
    (J, "id: day,", "«id: end,", "error J008 'end' is the journey's end"),
    (J, "{for: 23h}", "«{for: 23h, until: order.placed}", "error J009 the wait of step 'day' has 'for' and 'until'; write exactly one"),
    (J, "{for: 23h}", "«{timeout: 23h}", "error J009 the wait of step 'day' does not say what it waits for"),
    (J, ", timeout: 1h}", "}", "journeys/cart.yaml:12:22: error J010 the wait of step 'hour' could last for ever; add 'timeout'"),
    (J, "{for: 23h}", "{for: 23h, «timeout: 1d}", "error J011 'timeout' has no meaning beside 'for'"),
    (J, "{for: 23h}", "{for: 23h, «where: tier = 'gold'}", "error J011 'where' has no meaning beside 'for'"),
    (J, "next: test}", "next: «tets}", "error J012 unknown step 'tets'; did you mean 'test'? Steps are: ask, bought"),
    (J, "goto: mark}", "goto: «nowhere}", "error J012 unknown step 'nowhere'"),
    (J, "on_timeout: remind", "on_timeout: «remnid", "error J012 unknown step 'remnid'; did you mean 'remind'?"),
    (J, "on_blocked: end, on_failure: end", "on_blocked: «gone", "error J012 unknown step 'gone'"),
    (J, "split: {mark: 50%,", "split: {«marks: 50%,", "error J012 unknown step 'marks'; did you mean 'mark'?"),
    (J, "{for: 23h}}", "{for: 23h}, next: mark}", "journeys/cart.yaml:15:6: error J013 no way leads to step 'check'"),
    (
        J,
        "{id: bought, exit: bought}",
        "{id: bought, set: {attributes: {tier: \"'x'\"}}, next: watch}",
        "journeys/cart.yaml:21:6: error J014 the cycle watch → bought → watch",
    ),
    (J, "share: 50%", "share: 49.5%", "journeys/cart.yaml:16:23: error J015 the shares of step 'test' add up to 99.5%"),
    (J, "send: email", "send: «emial", "error J016 unknown channel 'emial'; did you mean 'email'?"),
    (C, "channel: email", "channel: «pigeon", "error J016 unknown channel 'pigeon'; Channels are: email, inbox"),
    (J, "content: reminder", "content: «remainder", "error J017 unknown content 'remainder'; did you mean 'reminder'?"),
    (
        J,
        "send: email",
        "send: inbox",
        "journeys/cart.yaml:13:31: error J018 content 'reminder' is written for channel 'email', not 'inbox'",
    ),
    (J, "expires: 2d", "recipient: «e_mail", "error J019 unknown attribute 'e_mail'; did you mean 'email'?"),
    (A, "  email: {type", "  mail: {type", "journeys/cart.yaml:13:18: error J019 channel 'email' needs the attribute 'email'"),
    (J, "{score:", "{«points:", "error J019 unknown attribute 'points'"),
    (J, "purpose: marketing.cart\n", "", "journeys/cart.yaml:12:5: error J020 step 'remind' has no purpose, nor has the journey"),
    (J, "on_blocked: end, ", "", "journeys/cart.yaml:13:5: warning J021 step 'remind' does not say what happens when a policy blocks it"),
    (J, "call: desk", "call: «disk", "error J022 unknown endpoint 'disk'; did you mean 'desk'?"),
    (J, "data: {total: trigger.price}", "data: «{totl: trigger.price}", "error J023 'cart.recovered' needs the field 'total'"),
    (
        J,
        "data: {total: trigger.price}",
        "data: {total: «trigger.sku}",
        "error J023 'total' is of type number, but the value is of type string",
    ),
    (
        J,
        "{total: trigger.price}",
        "{total: 1, size: «\"'huge'\"}",
        "error J023 'size' of 'cart.recovered' cannot be 'huge'; Values are: large, small",
    ),
    (J, "{total: trigger.price}", '{total: «"null"}', "error J023 'total' of 'cart.recovered' must not be null"),
    (J, "variables: {n:", 'variables: {«ticket: "1", n:', "error J024 the variable 'ticket' is of type string elsewhere"),
    (J, "expires: 2d", "recipient: «age", "error J025 attribute 'age' is of type integer"),
    (J, "emit: {event: cart.recovered,", "emit: {«event: consent.changed,", "error J026 a journey may not emit 'consent.changed'"),
    (C, "text: |", "«titel: |", "error C001 channel 'email' has no part 'titel'"),
    (
        C,
        'subject: "{{ customer.tier }}: your cart"\n',
        "",
        "content/reminder.yaml:4:10: error C002 channel 'email' needs the part 'subject'",
    ),
    (
        C,
        "customer.tier",
        "«customer.teir",
        "error C003 the template reads 'customer.teir' in journey 'growth.recovery.cart', but the profile has",
    ),
    (C, "trigger.sku", "«trigger.skew", "error C003 the template reads 'trigger.skew' in journey 'growth.recovery.cart', but the contract"),
    (C, "trigger.sku", "«journey.m", "error C003 the template reads 'journey.m' in journey 'growth.recovery.cart', but the journey has no"),
    (C, "trigger.sku }}", "trigger.sku", "content/reminder.yaml:8:3: error C004 the template 'text' is not well-formed"),
    (P, "zone: Europe/Berlin", "zone: «Europe/Belrin", "error P001 unknown time zone 'Europe/Belrin'; did you mean 'Europe/Berlin'?"),
    (P, "to: 08:00", '«to: "21:00"', "error P002 the quiet hours 'night' begin and end at the same time"),
    (
        P,
        "limit: 2, window: 7d}",
        "limit: 2, window: 7d}\n  - {name: «week, limit: 1, window: 1d}",
        "error P003 the budget 'week' is declared in",
    ),
    (P, "window: 7d}", "window: 7d, journeys: [«cart]}", "error P005 unknown journey 'cart'; Journeys are: growth.recovery.cart"),
    (
        P,
        "class: marketing, basis: consent",
        "class: marketing, basis: contract",
        "policies/contact.yaml:6:3: warning P006 the marketing purpose 'marketing.cart' rests",
    ),
    (P, "zone: Europe/Berlin", "zone_attribute: «zone", "error J019 unknown attribute 'zone'"),
    (P, "'complaint.opened', '14d'", "«'complaint.opend', '14d'", "error E001 there is no event type complaint.opend"),
    (
        A,
        "from: [customer.identified.tier]",
        "from: [«customer.identified.teir]",
        "error A002 the contract of 'customer.identified' has no field 'teir'",
    ),
    (
        A,
        "from: [customer.identified.tier]",
        "from: [«custmer.identified.tier]",
        "error A002 'custmer.identified.tier' begins with no known event type",
    ),
    (
        A,
        "tier: {type: string",
        "tier: {type: integer",
        "profile.yaml:5:32: error A003 'customer.identified.tier' is of type string, the attribute of type integer",
    ),
]


@pytest.mark.parametrize(("path", "old", "new", "finding"), MISTAKES, ids=range(len(MISTAKES)))
def test_each_kind_of_mistake_is_found_at_its_place(path: str, old: str, new: str, finding: str) -> None:
    """A mistake in a document is reported with file, line, column, rule and cure, and an error keeps a plan from being made."""
    before, mark, _ = changed(path, old, new)[path].partition("«")
    place = f"{path}:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}: " if mark else ""
    plan, findings = compiled(changed(path, old, new.replace("«", "")))
    found = texts(findings)
    assert any(text.startswith(place + finding) for text in found), "\n".join([place + finding, "", *found])
    assert (plan is None) == any(each.severity is Severity.ERROR for each in findings)


def test_the_sample_has_no_findings() -> None:
    """Documents without a mistake compile without a finding."""
    assert [] == texts(compiled(FILES)[1])


def test_all_mistakes_are_reported_together() -> None:
    """A person sees every mistake of every document at once, in the order of files and lines."""
    files = {**changed(J, "holdout: 5%", "holdout: 5"), A: "schema: 1\nkind: profile\nattributes: {}\nx: 1\n"}
    findings = compiled(files)[1]
    assert sorted(findings) == list(findings)
    assert {("journeys/cart.yaml", "D018"), ("profile.yaml", "D009"), ("content/reminder.yaml", "C003")} <= {
        (finding.path, finding.rule) for finding in findings
    }


def test_two_documents_of_one_name_are_reported() -> None:
    """A second document of a kind and name is refused, and the first one's place is told."""
    found = texts(compiled({**FILES, "journeys/zz.yaml": FILES[J]})[1])
    assert [
        "journeys/zz.yaml:3:1: error D014 the journey 'growth.recovery.cart' is declared in journeys/cart.yaml already; "
        "rename or remove one"
    ] == found


def test_a_second_profile_is_reported() -> None:
    """There is one profile."""
    found = texts(compiled({**FILES, "second.yaml": FILES[A]})[1])
    assert ["second.yaml:2:1: error A001 the profile is declared in profile.yaml already; keep one profile"] == found


def test_policies_that_disagree_are_reported() -> None:
    """Two policies that give one setting different values are refused; equal values are not."""
    other = "schema: 1\nkind: policy\nname: other\nzone: Europe/{}\n"
    assert [] == texts(compiled({**FILES, "policies/other.yaml": other.format("Berlin")})[1])
    found = texts(compiled({**FILES, "policies/other.yaml": other.format("Paris")})[1])
    assert [
        "policies/other.yaml:4:7: error P004 'zone' is 'Europe/Berlin' in policies/contact.yaml and 'Europe/Paris' here; keep one of them"
    ] == found


def test_a_content_that_nobody_sends_is_reported_and_left_out() -> None:
    """An unused content is a warning, and no part of the plan."""
    unused = "schema: 1\nkind: content\nname: unused\nchannel: inbox\ntitle: Hello\nbody: You\n"
    plan, findings = compiled({**FILES, "content/unused.yaml": unused})
    assert ["content/unused.yaml:3:1: warning C006 no journey uses the content 'unused'; use it in a send step, or remove it"] == texts(
        findings
    )
    assert plan is not None and ["reminder"] == [content.name for content in plan.contents]


def test_a_content_cannot_have_two_types_for_one_variable() -> None:
    """A content sent by two journeys whose triggers type a variable differently is refused."""
    content = FILES[C].replace("trigger.sku", "trigger.amount")
    assert [] == texts(compiled({**FILES, C: content})[1])
    other = (
        "schema: 1\nkind: journey\nname: growth.recovery.after\nowner: {responsible: a}\npurpose: marketing.cart\n"
        "enter: {on: cart.recovered}\nsteps:\n  - {id: thank, send: email, content: reminder, on_blocked: end}\n"
    )
    found = texts(compiled({**FILES, C: content, "journeys/second.yaml": other})[1])
    assert [
        "content/reminder.yaml:7:14: error C005 'trigger.amount' is of type integer in one journey and of type string in "
        "'growth.recovery.after'; write a content for each journey"
    ] == found


PIECES = st.sampled_from(
    ["null", "5", "[]", "{}", "[[]]", "{a: b}", "''", "end", "x", "trigger.total", "&a", "*a", "50%", "1d", "{id: x}", "[{id: x}]"]
)


def mangled(source: str, changes: list[tuple[int, str]]) -> str:
    """A document with pieces put in the places of some of its words, lists and maps."""
    for place, piece in changes:
        words = list(re.finditer(r"[A-Za-z0-9_.'%\"]+|\{[^{}]*\}|\[[^\[\]]*\]", source))
        word = words[place % len(words)]
        source = source[: word.start()] + piece + source[word.end() :]
    return source


@given(st.sampled_from(sorted(FILES)), st.lists(st.tuples(st.integers(0, 10_000), PIECES), min_size=1, max_size=4))
def test_no_mangled_document_crashes_the_compiler(path: str, changes: list[tuple[int, str]]) -> None:
    """Whatever stands in the place of a value or key, there is a plan that can be stored, or a finding that is an error."""
    plan, findings = compiled({**FILES, path: mangled(FILES[path], changes)})
    assert (plan is None) == any(finding.severity is Severity.ERROR for finding in findings)
    assert plan is None or plan == decode_plan(encode_plan(plan))


def test_every_rule_is_described() -> None:
    """Warnings are rules, and every rule says in words what is wrong."""
    assert set(RULES) >= WARNINGS
    assert all(RULES.values())


def test_steps_follow_each_other_as_written() -> None:
    """A step leads to the one written after it, the last one to the end, unless it says otherwise."""
    steps = {step.id: step for step in journey_of(FILES).steps}
    assert ("check", "test", "watch", "") == (steps["day"].next, steps["check"].next, steps["ask"].next, steps["bought"].next)


def test_the_end_is_told_apart_from_a_missing_edge() -> None:
    """An edge that leads to `end` where a missing edge means something else leads to an exit step of that name."""
    steps = {step.id: step for step in journey_of(FILES).steps}
    remind, ask, end = steps["remind"], steps["ask"], steps["end"]
    assert isinstance(remind, Send) and isinstance(ask, Call) and isinstance(end, Exit)
    assert ("", "end", "end", "") == (remind.on_blocked, remind.on_failure, ask.on_timeout, ask.on_failure)


def test_what_a_step_leaves_out_has_a_documented_default() -> None:
    """A send expires after three days, serves the journey's purpose and goes to the channel's usual attribute; a call that
    awaits an answer does so for 30 seconds."""
    files = changed(J, "content: reminder, expires: 2d, ", "content: reminder, ")
    files[J] = files[J].replace(", timeout: 10s", "")
    steps = {step.id: step for step in journey_of(files).steps}
    remind, ask = steps["remind"], steps["ask"]
    assert isinstance(remind, Send) and isinstance(ask, Call)
    assert (3 * 86_400_000_000, "marketing.cart", "email") == (remind.expires_us, remind.purpose, remind.recipient)
    assert (30_000_000, 86_400_000_000) == (ask.timeout_us, ask.expires_us)


def test_arms_lead_to_the_steps_of_their_names() -> None:
    """An arm leads to the step of its name unless it names another, and shares are exact."""
    step = next(step for step in journey_of(FILES).steps if isinstance(step, Split))
    assert [("mark", 5000, "mark"), ("other", 5000, "morning")] == [(arm.name, arm.share, arm.goto) for arm in step.arms]
    assert "growth.recovery.cart/test" == step.salt


def test_waits_have_their_own_form() -> None:
    """Each form of wait becomes its own field of the plan."""
    waits = {step.id: step for step in journey_of(FILES).steps if isinstance(step, Wait)}
    assert 23 * 3_600_000_000 == waits["day"].for_us
    assert ("order.placed", 3_600_000_000, "remind") == (waits["hour"].until, waits["hour"].timeout_us, waits["hour"].on_timeout)
    assert 540 == waits["morning"].at_minute
    assert waits["watch"].when is not None


def test_a_condition_read_against_an_unknown_event_is_not_blamed() -> None:
    """Where the entry event is unknown, only that is reported, and not every field read from it."""
    found = {finding.rule for finding in compiled(changed(J, "on: cart.added", "on: cart.add"))[1]}
    assert {"J004"} == found
