"""Gates on the ways through a journey: what happens when something goes wrong, waits that are too long, choices that differ in nothing."""

from collections.abc import Iterable

from pilotage.event.time import DAY_US
from pilotage.journey.document import Fields
from pilotage.journey.findings import Severity
from pilotage.journey.scalars import duration_or
from pilotage.proof.premises import Premises, Step
from pilotage.proof.rule import Flaw, flaw, gate

JOURNEY = "journeys/welcome.yaml"
PAYMENT = "journeys/payment.yaml"
WAIT_DAYS_MAX = 366
EXPIRES_DAYS_MAX = 14


def _fallback(step: Step, edge: str) -> str:
    fallback = step.document.root.map("fallback")
    return fallback.text(edge) if fallback else ""


@gate(
    "N020",
    "a message that fails leads nowhere",
    Severity.NOTE,
    why="Providers fail, addresses die. A customer whose message could not be delivered falls out of the journey without anybody having "
    "decided so. Somebody should: another channel, a task for a person, or an end with a reason.",
    cure="write 'on_failure:' on the step, or a 'fallback' on the journey",
    at=PAYMENT,
    wrong="  - {id: tell, send: email, content: payment-open, on_blocked: end}\n",
    right="  - {id: tell, send: email, content: payment-open, on_blocked: end, on_failure: end}\n",
)
def _failure_unheeded(premises: Premises) -> Iterable[Flaw]:
    for step in premises.steps:
        if step.fields.get("send") is not None and not step.fields.text("on_failure") and not _fallback(step, "on_failure"):
            yield flaw(step.document, step.fields.place, f"the message of step '{step.id}' may fail, and then the entry just ends")


@gate(
    "N021",
    "a call that fails or hangs leads nowhere",
    Severity.WARNING,
    why="A call leaves our walls. Where its answer is awaited and neither failure nor silence has a way out, an outage of the other "
    "system becomes an outage of the journey.",
    cure="write 'on_failure:' and 'on_timeout:' on the step, or a 'fallback' on the journey",
    at="journeys/parcel.yaml",
    wrong="  - {id: ask, call: desk, data: {order: journey.order}, returns: {ticket: {field: id, type: string}}}\n",
    right="  - {id: ask, call: desk, data: {order: journey.order}, returns: {ticket: {field: id, type: string}}, on_failure: end, "
    "on_timeout: end}\n",
)
def _call_unheeded(premises: Premises) -> Iterable[Flaw]:
    for step in premises.steps:
        if step.fields.get("call") is None or step.fields.get("returns") is None:
            continue
        missing = [edge for edge in ("on_failure", "on_timeout") if not step.fields.text(edge) and not _fallback(step, edge)]
        if missing:
            yield flaw(step.document, step.fields.place, f"the call of step '{step.id}' has no {' and no '.join(missing)}")


@gate(
    "N022",
    "a wait is longer than a year",
    Severity.WARNING,
    why="Whoever waits longer than a year comes back to prices, texts and consents of another time, and the version they wait in has to "
    "be kept alive for them. Such an instant is better computed when it is near: by an audience or a schedule.",
    cure="keep waits and timeouts within 366 days; let an audience or a schedule begin a later journey",
    at=JOURNEY,
    wrong="  - {id: think, wait: {until: parcel.sent, timeout: 400d}, next: end, on_timeout: offer}\n",
    right="  - {id: think, wait: {until: parcel.sent, timeout: 2d}, next: end, on_timeout: offer}\n",
)
def _wait_too_long(premises: Premises) -> Iterable[Flaw]:
    for step in premises.steps:
        wait = step.fields.map("wait")
        for key in ("for", "timeout") if wait is not None else ():
            scalar = wait.scalar(key) if wait is not None else None
            if scalar is not None and not scalar.filled and duration_or(scalar, 0) > WAIT_DAYS_MAX * DAY_US:
                yield flaw(step.document, scalar.place, f"step '{step.id}' waits {scalar.text}")


@gate(
    "N023",
    "all arms of a split lead to the same step",
    Severity.WARNING,
    why="A split whose arms do the same counts people and changes nothing. Mostly an arm was meant to lead elsewhere, and the experiment "
    "will report that there is no difference, correctly.",
    cure="lead the arms to different steps, or remove the split",
    at=JOURNEY,
    wrong="  - {id: try, split: {plain: {share: 50%, goto: guide}, kind: {share: 50%, goto: guide}}}\n",
    right="  - {id: try, split: {plain: {share: 50%, goto: think}, kind: {share: 50%, goto: guide}}}\n",
)
def _idle_split(premises: Premises) -> Iterable[Flaw]:
    for step in premises.steps:
        arms = step.fields.map("split")
        if arms is None:
            continue
        goals = {value.text("goto") or key.text if isinstance(value, Fields) else key.text for key, value in arms.fields}
        if len(goals) < 2:
            yield flaw(step.document, step.fields.key("split").place, f"every arm of '{step.id}' leads to '{min(goals, default='')}'")


@gate(
    "N025",
    "a task that nobody takes over",
    Severity.NOTE,
    why="Teams are ill, on holiday, or busy with the very outage that made the task. A task that is not done by its time and goes over to "
    "nobody waits until it is withdrawn.",
    cure="write 'escalate:' with the team it goes over to",
    at=JOURNEY,
    wrong="  - {id: ring, task: ring the customer, team: service-desk, sla: 1d, timeout: 3d, outcomes: {reached: end, not_reached: end}, "
    "on_timeout: end, on_failure: end}\n",
    right="  - {id: ring, task: ring the customer, team: service-desk, sla: 1d, escalate: lifecycle-team, timeout: 3d, outcomes: "
    "{reached: end, not_reached: end}, on_timeout: end, on_failure: end}\n",
)
def _no_escalation(premises: Premises) -> Iterable[Flaw]:
    for step in premises.steps:
        for key in ("task", "approve"):
            if step.fields.get(key) is not None and not step.fields.text("escalate"):
                yield flaw(step.document, step.fields.place, f"when the task of step '{step.id}' is late, nobody takes it over")


@gate(
    "N026",
    "a message may leave weeks after it was meant",
    Severity.WARNING,
    why="After an outage everything that waited leaves at once. 'Your cart is waiting' three weeks later is worse than silence.",
    cure="keep 'expires' within 14 days",
    at=JOURNEY,
    wrong="  - {id: offer, send: email, content: offer, expires: 30d, on_blocked: ring, on_failure: ring, next: end}\n",
    right="  - {id: offer, send: email, content: offer, expires: 3d, on_blocked: ring, on_failure: ring, next: end}\n",
)
def _expires_late(premises: Premises) -> Iterable[Flaw]:
    for step in premises.steps:
        scalar = step.fields.scalar("expires") if step.fields.get("send") is not None else None
        if scalar is not None and duration_or(scalar, 0) > EXPIRES_DAYS_MAX * DAY_US:
            yield flaw(step.document, scalar.place, f"the message of step '{step.id}' may still leave {scalar.text} later")


@gate(
    "N027",
    "somebody may enter again as soon as they are out",
    Severity.NOTE,
    why="With 're-entry always' one busy customer goes through the journey as often as the event happens, and only budgets stand between "
    "them and a message each time. For orders, a key tells one from another; for everything else a rest is kinder.",
    cure="write 'reentry: {after: …}', or a 'key' that tells what each entry is about",
    at=PAYMENT,
    wrong="enter: {on: payment.failed, reentry: always}\n",
    right="enter: {on: payment.failed, key: trigger.order_id, reentry: always}\n",
)
def _endless_reentry(premises: Premises) -> Iterable[Flaw]:
    sending = {step.document.name for step in premises.steps if step.fields.get("send") is not None}
    for document in premises.kind("journey"):
        enter = document.root.map("enter")
        if (
            enter is not None
            and enter.get("on") is not None
            and enter.text("reentry") == "always"
            and enter.get("key") is None
            and document.name in sending
        ):
            yield flaw(
                document, enter.key("reentry").place, f"whoever leaves {document.name!r} enters again with the next {enter.text('on')}"
            )


@gate(
    "N028",
    "a schedule sends everybody off at once",
    Severity.NOTE,
    why="Thousands who enter in one second want as many messages in the next. Providers throttle, the service desk is called by all of "
    "them in the same hour, and a mistake has reached everybody before it is seen.",
    cure="write 'spread:' with how long it may take until all have entered",
    at="journeys/digest.yaml",
    wrong='enter: {schedule: {cron: "0 10 1 * *", audience: customers}, reentry: always}\n',
    right='enter: {schedule: {cron: "0 10 1 * *", audience: customers, spread: 4h}, reentry: always}\n',
)
def _no_spread(premises: Premises) -> Iterable[Flaw]:
    for document in premises.kind("journey"):
        enter = document.root.map("enter")
        schedule = enter.map("schedule") if enter is not None else None
        if schedule is not None and schedule.get("spread") is None:
            yield flaw(document, schedule.place, f"everybody in {schedule.text('audience')!r} enters {document.name!r} at one instant")


@gate(
    "N029",
    "a choice by score has no model card",
    Severity.WARNING,
    why="A choice among offers by a score that is computed from what is known about a person is profiling. Whoever reviews it must know "
    "what the score was made from, how good it is, for whom it fails, and who answers for it. ISO/IEC 42001 and the EU AI Act ask for "
    "that record; a customer may ask too (GDPR art. 22).",
    cure="write a document of kind 'model' and name it under 'model:' in the catalogue",
    at="catalogues/next.yaml",
    wrong="",
    right="model: propensity\n",
    standard="ISO/IEC 42001, B.6.2.7; GDPR art. 22",
)
def _no_model_card(premises: Premises) -> Iterable[Flaw]:
    cards = {document.name for document in premises.kind("model")}
    scored = {step.fields.text("decide") for step in premises.steps if step.fields.text("by") == "score"}
    for document in premises.kind("catalogue"):
        model = document.root.scalar("model")
        if model is not None and model.text not in cards:
            yield flaw(document, model.place, f"there is no model {model.text!r}", f"models are: {', '.join(sorted(cards)) or 'none yet'}")
        elif model is None and document.name in scored and (computed := _computed_score(document.root)) is not None:
            yield flaw(
                document, computed, f"the scores of {document.name!r} are computed from data about people, and no model card says how"
            )


def _computed_score(root: Fields) -> tuple[int, int] | None:
    """Where the first score stands that is more than a number."""
    actions = root.map("actions")
    for _, action in actions.fields if actions else ():
        score = action.scalar("score") if isinstance(action, Fields) else None
        if score is not None and not score.text.strip().lstrip("+-").replace(".", "", 1).isdigit():
            return score.place
    return None


@gate(
    "N030",
    "a model card leaves out what a reviewer needs",
    Severity.WARNING,
    why="A card that praises a model and leaves out its limits is an advertisement. What it was trained on, how well it does, for whom it "
    "does worse, and what it must not be used for are the four things that a council asks about.",
    cure="write 'data', 'metrics', 'fairness' and 'limits'",
    at="models/propensity.yaml",
    wrong="",
    right="limits: Not for customers of fewer than thirty days. Never for prices, credit or anything that is owed to a customer.\n",
    standard="ISO/IEC 42001, B.6.2.7",
)
def _thin_model_card(premises: Premises) -> Iterable[Flaw]:
    for document in premises.kind("model"):
        missing = [key for key in ("data", "metrics", "fairness", "limits") if document.root.get(key) is None]
        if missing:
            yield flaw(document, document.root.key("name").place, f"the card of {document.name!r} does not tell its {', '.join(missing)}")


WAYS = (
    _failure_unheeded,
    _call_unheeded,
    _wait_too_long,
    _idle_split,
    _no_escalation,
    _expires_late,
    _endless_reentry,
    _no_spread,
    _no_model_card,
    _thin_model_card,
)
"""The gates on the ways through a journey."""
