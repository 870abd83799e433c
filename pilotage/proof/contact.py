"""Gates on contact and data: purposes and their bases, quiet hours, budgets, what providers take, what is personal and where it goes."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from pilotage.event.time import DAY_US
from pilotage.journey.document import Fields
from pilotage.journey.findings import Severity
from pilotage.journey.graph import ways_out
from pilotage.journey.plan import AnyStep, Journey, Repeat, Send
from pilotage.journey.scalars import count_or
from pilotage.proof.premises import MARKETING, Declared, Premises
from pilotage.proof.rule import Flaw, flaw, gate

POLICY = "policies/contact.yaml"
PROFILE = "profile.yaml"
ELECTRONIC = frozenset(("email", "sms", "push"))
# fmt: off
PERSONAL_NAMES = frozenset((
    "email", "phone", "mobile", "first_name", "last_name", "name", "full_name", "address", "street", "birthday",
    "birth_date", "date_of_birth", "iban",
))
# fmt: on
SENSITIVE = frozenset(("sensitive", "special", "restricted", "health"))
LOCAL = ("http://localhost", "http://127.0.0.1", "http://[::1]")


@gate(
    "N040",
    "a purpose is not explained",
    Severity.NOTE,
    why="Consent is given to words. A purpose without a sentence that a customer understands cannot be shown on a preference page, and "
    "consent to a name such as 'marketing.lifecycle' is consent to nothing (GDPR art. 7 and 13).",
    cure="write 'description:' in words a customer understands",
    at=POLICY,
    wrong="",
    right="    description: Help and ideas for getting started.\n",
    standard="GDPR art. 13",
)
def _unexplained_purpose(premises: Premises) -> Iterable[Flaw]:
    for purpose in premises.purposes.values():
        if not purpose.fields.text("description").strip():
            yield flaw(purpose.document, purpose.key.place, f"the purpose {purpose.name!r} has no description")


@gate(
    "N041",
    "advertising by e-mail, text message or push rests on legitimate interest",
    Severity.WARNING,
    why="Electronic mail for direct marketing needs prior consent (Directive 2002/58/EC, art. 13(1)), whatever the balance of interests "
    "under the GDPR. The one exception, art. 13(2), is for a company's own customers and similar products, with an objection offered each "
    "time. Who relies on it should say so: in a waiver, with a name and a date.",
    cure="rest the purpose on 'consent', or waive the rule for the policy with the reason that art. 13(2) applies",
    at=POLICY,
    wrong="    basis: legitimate_interest  # of the newsletter\n",
    right="    basis: consent  # of the newsletter\n",
    standard="Directive 2002/58/EC art. 13",
)
def _unasked_advertising(premises: Premises) -> Iterable[Flaw]:
    channels: dict[str, set[str]] = {}
    for _, send in premises.sends:
        if send.channel in ELECTRONIC or premises.installed(send.channel) == "email":
            channels.setdefault(send.purpose, set()).add(send.channel)
    for purpose in premises.purposes.values():
        sent = sorted(channels.get(purpose.name, ()))
        if sent and purpose.fields.text("class") == MARKETING and purpose.fields.text("basis") == "legitimate_interest":
            message = f"the purpose {purpose.name!r} advertises by {', '.join(sent)} without consent"
            yield flaw(purpose.document, purpose.fields.key("basis").place, message)


@gate(
    "N042",
    "advertising knows no quiet hours",
    Severity.WARNING,
    why="A message at three in the morning wakes somebody up, and is remembered. After an outage everything that waited leaves as soon as "
    "it can, whatever the hour, unless a policy says when not.",
    cure="write 'quiet_hours' for the class marketing on this channel",
    at=POLICY,
    wrong='  - {name: night, classes: [service], from: "21:00", to: "08:00"}\n',
    right='  - {name: night, classes: [marketing], from: "21:00", to: "08:00"}\n',
)
def _no_quiet_hours(premises: Premises) -> Iterable[Flaw]:
    quiet = premises.plan.policy.quiet_hours
    yield from _unguarded(
        premises,
        lambda channel: any(MARKETING in each.classes and (not each.channels or channel in each.channels) for each in quiet),
        "keeps no quiet hours",
    )


@gate(
    "N043",
    "advertising has no contact budget",
    Severity.WARNING,
    why="Each journey is polite by itself. Twenty of them together are not, and only a budget over all of them keeps a customer from "
    "getting five messages on one day.",
    cure="write 'budgets' for the class marketing, such as {name: marketing-week, classes: [marketing], limit: 3, window: 7d}",
    at=POLICY,
    wrong="  - {name: week, classes: [service], limit: 3, window: 7d}\n",
    right="  - {name: week, classes: [marketing], limit: 3, window: 7d}\n",
)
def _no_budget(premises: Premises) -> Iterable[Flaw]:
    budgets = premises.plan.policy.budgets

    def kept(channel: str) -> bool:
        return any(
            (not each.classes or MARKETING in each.classes) and (not each.channels or channel in each.channels) and not each.journeys
            for each in budgets
        )

    yield from _unguarded(premises, kept, "counts towards no budget")


def _unguarded(premises: Premises, kept: Callable[[str], bool], what: str) -> Iterator[Flaw]:
    """Each marketing purpose with a channel for which something is not kept."""
    found: dict[str, set[str]] = {}
    for _, send in premises.sends:
        if premises.class_of(send.purpose) == MARKETING and not kept(send.channel):
            found.setdefault(send.purpose, set()).add(send.channel)
    for name, channels in sorted(found.items()):
        purpose = premises.purposes[name]
        yield flaw(purpose.document, purpose.key.place, f"the purpose {name!r} {what} on {', '.join(sorted(channels))}")


@gate(
    "N044",
    "more messages are planned than the provider takes",
    Severity.WARNING,
    why="A provider that takes fewer messages a day than are planned makes the rest late, and late messages expire. Better to learn that "
    "from an addition than from the queue. Each journey says how many people it expects to enter a day, the binding says what a channel "
    "takes ('rate'), and a policy may say what the contract with the provider allows.",
    cure="raise the limit with the provider, spread the journeys, or plan for fewer people",
    at="policies/gates.yaml",
    wrong="    email: {per_day: 500}\n",
    right="    email: {per_day: 50000}\n",
)
def _beyond_provider(premises: Premises) -> Iterable[Flaw]:
    planned: dict[str, dict[str, int]] = {}
    for document in premises.kind("journey"):
        entries, journey = count_or(document.root.scalar("entries_per_day"), 0), premises.journeys.get(document.name)
        for channel, messages in messages_per_entry(journey).items() if journey is not None else ():
            if entries:
                planned.setdefault(channel, {})[document.name] = entries * messages
    for channel, journeys in sorted(planned.items()):
        total = sum(journeys.values())
        written, allowed = _limit(premises, channel)
        if allowed is not None and total > allowed and written is not None:
            names = ", ".join(sorted(journeys))
            message = f"{names} plan{'s' if len(journeys) == 1 else ''} {total:,} messages a day on {channel}, which takes {allowed:,}"
            yield Flaw(written[0], written[1], message)


def _limit(premises: Premises, channel: str) -> tuple[tuple[str, tuple[int, int]] | None, int | None]:
    """How many messages a day a channel takes, and where that is written."""
    for document in premises.kind("policy"):
        gates = document.root.map("gates")
        limits = gates.map("limits") if gates else None
        written = limits.map(channel) if limits else None
        if written is not None:
            return (document.path, written.key("per_day").place), int(written.text("per_day", "0"))
    if rate := premises.rates.get(channel, 0):
        bindings = premises.settings.root.map("bindings")
        channels = bindings.map("channels") if bindings else None
        place = channels.key(channel).place if channels else (0, 0)
        return (premises.settings.path, place), int(rate * DAY_US / 1_000_000)
    return None, None


def messages_per_entry(journey: Journey) -> dict[str, int]:
    """How many messages one entry may cause at most on each channel, along any way through the journey's steps. Steps that some way leads
    back to count once, those of a repeat as often as it goes round."""
    steps = {step.id: step for step in journey.steps}
    channels = {step.channel for step in journey.steps if isinstance(step, Send)}
    return {channel: _most(journey.steps[0].id, channel, steps, frozenset(), {}) for channel in channels} if journey.steps else {}


def _most(at: str, channel: str, steps: Mapping[str, AnyStep], passed: frozenset[str], known: dict[str, int]) -> int:
    step = steps.get(at)
    if step is None or at in passed:
        return 0
    if at in known:
        return known[at]
    within = passed | {at}
    own = int(isinstance(step, Send) and step.channel == channel)
    if isinstance(step, Repeat):
        rounds = step.times * _most(step.body, channel, steps, within, {})
        found = rounds + _most(step.next, channel, steps, within, {})
    else:
        found = own + max((_most(onward, channel, steps, within, known) for onward in ways_out(step)), default=0)
    known[at] = found
    return found


@gate(
    "N045",
    "an attribute that names a person is not classified",
    Severity.WARNING,
    why="What is classified as personal is encrypted with the subject's key, masked in the interface, kept out of the history's plain "
    "columns and destroyed on erasure. An e-mail address without a classification has none of that.",
    cure="write 'classification: personal'",
    at=PROFILE,
    wrong="  phone: {type: string, from: [customer.signed_up.phone]}\n",
    right="  phone: {type: string, classification: personal, from: [customer.signed_up.phone]}\n",
    standard="GDPR art. 4(1) and 25",
)
def _unclassified(premises: Premises) -> Iterable[Flaw]:
    for attribute in premises.attributes.values():
        if attribute.name in PERSONAL_NAMES and not attribute.fields.text("classification"):
            yield flaw(
                attribute.document, attribute.key.place, f"the attribute '{attribute.name}' names a person and has no classification"
            )


@gate(
    "N046",
    "an endpoint is not reached by https",
    Severity.WARNING,
    why="What a call carries can be read and changed by everybody between here and there.",
    cure="write an https address; a service on the same machine is exempt",
    at="pilotage.yaml",
    wrong='    desk: {url: "http://desk.lumen.example/tasks", secret: "${DESK_SECRET:-whsec_dGVzdA==}"}\n',
    right='    desk: {url: "https://desk.lumen.example/tasks", secret: "${DESK_SECRET:-whsec_dGVzdA==}"}\n',
    standard="GDPR art. 32",
)
def _plain_http(premises: Premises) -> Iterable[Flaw]:
    for name, url in sorted(premises.endpoints.items()):
        if url.startswith("http://") and not url.startswith(LOCAL):
            yield Flaw(premises.settings.path, _binding(premises, "endpoints", name), f"the endpoint {name!r} is reached by {url}")


@gate(
    "N047",
    "calls are not signed",
    Severity.NOTE,
    why="A receiver that cannot tell our calls from anybody else's acts on whatever reaches it. With a secret every call carries a "
    "Standard Webhooks signature that can be checked.",
    cure="write 'secret: ${NAME}' and give the receiver the same secret",
    at="pilotage.yaml",
    wrong='    desk: {url: "https://desk.lumen.example/tasks"}\n',
    right='    desk: {url: "https://desk.lumen.example/tasks", secret: "${DESK_SECRET:-whsec_dGVzdA==}"}\n',
)
def _unsigned(premises: Premises) -> Iterable[Flaw]:
    for name, url in sorted(premises.endpoints.items()):
        bindings = premises.settings.root.map("bindings")
        endpoints = bindings.map("endpoints") if bindings else None
        written = endpoints.map(name) if endpoints else None
        if written is not None and written.get("secret") is None and not url.startswith(LOCAL):
            yield Flaw(premises.settings.path, _binding(premises, "endpoints", name), f"calls of the endpoint {name!r} carry no signature")


@gate(
    "N048",
    "a message shows what is sensitive",
    Severity.WARNING,
    why="Messages lie on lock screens, in shared mailboxes and with providers. What is classified as sensitive (health, belief, debts) "
    "does not belong there; a link to where the customer signs in does.",
    cure="leave it out of the content, and link to a page behind a sign-in",
    at="content/offer.yaml",
    wrong="  With {{ customer.condition | default: 'it' }} in mind, these may help.\n",
    right="  With your last visit in mind, these may help.\n",
    standard="GDPR art. 9 and 5(1)(c)",
)
def _sensitive_shown(premises: Premises) -> Iterable[Flaw]:
    sensitive = {f"customer.{each.name}" for each in premises.attributes.values() if each.fields.text("classification") in SENSITIVE}
    for part in premises.parts if sensitive else ():
        for name in sorted(sensitive & premises.variables_of(part.text.text)):
            yield flaw(
                part.document, premises.place_in(part, name), f"the part '{part.name}' shows '{name}', which is classified as sensitive"
            )


@gate(
    "N049",
    "a purpose is used by nobody",
    Severity.NOTE,
    why="A purpose that nothing is sent for is still shown to customers and still collects consents. Data that are kept for no use are "
    "data too many (GDPR art. 5(1)(c)).",
    cure="send something for it, or remove it",
    at=POLICY,
    wrong="  marketing.unused: {class: marketing, basis: consent, description: Nothing yet.}\nquiet_hours:\n",
    right="quiet_hours:\n",
    standard="GDPR art. 5(1)(c)",
)
def _unused_purpose(premises: Premises) -> Iterable[Flaw]:
    used = {send.purpose for _, send in premises.sends} | {journey.purpose for journey in premises.plan.journeys}
    for purpose in premises.purposes.values():
        if purpose.name not in used:
            yield flaw(purpose.document, purpose.key.place, f"nothing is sent for the purpose {purpose.name!r}")


@gate(
    "N050",
    "an audience is used by nobody",
    Severity.NOTE,
    why="An audience is kept live for every subject, whether anybody asks for it or not, and whoever finds it later believes that "
    "something depends on it.",
    cure="use it in a journey, a policy or another audience, or remove it",
    at="audiences/lapsed.yaml",
    wrong="schema: 1\nkind: audience\nname: lapsed\nowner: {responsible: growth-team}\nwhen: count('order.placed', '365d') = 0\n",
    right="",
)
def _unused_audience(premises: Premises) -> Iterable[Flaw]:
    for document in premises.kind("audience"):
        others = (each for each in premises.documents if each.path != document.path)
        if not any(document.name in each.source for each in others):
            yield flaw(document, document.root.key("name").place, f"nothing asks for the audience {document.name!r}")


@gate(
    "N051",
    "a coupon pool has no alarm of its own",
    Severity.NOTE,
    why="A pool that runs empty sends its customers down 'on_failure'. The usual alarm, 100 codes, is hours for one pool and months for "
    "another; whoever fills it should say how many are needed until more can be had.",
    cure="write 'alarm:' with how many codes must be left",
    at="coupons/spring.yaml",
    wrong="",
    right="alarm: 2\n",
)
def _no_alarm(premises: Premises) -> Iterable[Flaw]:
    for document in premises.kind("coupons"):
        if document.root.scalar("alarm") is None:
            yield flaw(document, document.root.key("name").place, f"the pool {document.name!r} does not say when it is low")


@gate(
    "N052",
    "a coupon pool begins with fewer codes than its alarm",
    Severity.WARNING,
    why="The pool is low before the first code is issued: the alarm rings on the first day and is ignored from then on.",
    cure="add codes to the file, or lower 'alarm'",
    at="coupons/spring.yaml",
    wrong="alarm: 20\n",
    right="alarm: 2\n",
)
def _low_pool(premises: Premises) -> Iterable[Flaw]:
    for document in premises.kind("coupons"):
        alarm, file = document.root.scalar("alarm"), premises.read(document.root.text("file"))
        codes = sum(bool(line.strip()) for line in file.splitlines()) if file is not None else None
        if alarm is not None and codes is not None and codes < count_or(alarm, 0):
            yield flaw(document, alarm.place, f"the pool {document.name!r} has {codes} codes, and its alarm is {alarm.text}")


@gate(
    "N053",
    "an asset does not say until when it may be shown",
    Severity.NOTE,
    why="Pictures are licensed, mostly for a year. An asset without 'rights' is shown for ever, and the claim comes with a date.",
    cure="write 'rights: {until: …}'; for what is your own, a day far away and 'holder'",
    at="assets/hero.yaml",
    wrong="",
    right="rights: {until: 2099-12-31, holder: Lumen}\n",
)
def _no_rights(premises: Premises) -> Iterable[Flaw]:
    for document in premises.kind("asset"):
        if document.root.map("rights") is None:
            yield flaw(document, document.root.key("name").place, f"the asset {document.name!r} has no end of rights")


def _binding(premises: Premises, key: str, name: str) -> tuple[int, int]:
    bindings = premises.settings.root.map("bindings")
    group: Fields | None = bindings.map(key) if bindings else None
    return group.key(name).place if group else (0, 0)


def personal(premises: Premises) -> dict[str, Declared]:
    """The attributes of persons that are classified at all, or whose names say that they are personal."""
    return {each.name: each for each in premises.attributes.values() if each.fields.text("classification") or each.name in PERSONAL_NAMES}


CONTACT = (
    _unexplained_purpose,
    _unasked_advertising,
    _no_quiet_hours,
    _no_budget,
    _beyond_provider,
    _unclassified,
    _plain_http,
    _unsigned,
    _sensitive_shown,
    _unused_purpose,
    _unused_audience,
    _no_alarm,
    _low_pool,
    _no_rights,
)
"""The gates on contact and data."""
