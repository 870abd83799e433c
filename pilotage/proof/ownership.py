"""Gates on who answers for what, and on what a journey says about itself: the questions a person asks first when something goes wrong."""

from collections.abc import Iterable

from pilotage.journey.document import Fields
from pilotage.journey.findings import Severity
from pilotage.proof.premises import Premises, name_place, owner_of, texts
from pilotage.proof.rule import Flaw, flaw, gate

JOURNEY = "journeys/welcome.yaml"


@gate(
    "N001",
    "a journey does not say what it is for",
    Severity.WARNING,
    why="A reviewer compares what a journey does with what it is meant to do. Without a sentence about the intent there is nothing to "
    "compare with, and a year later nobody can tell whether the journey is still needed.",
    cure="write 'description:' in a sentence or two: who it is for, and what it wants to bring about",
    at=JOURNEY,
    wrong="",
    right="description: Welcomes who signs up, and helps those who have not ordered after two days.\n",
)
def _no_description(premises: Premises) -> Iterable[Flaw]:
    for document in premises.kind("journey"):
        if not document.root.text("description").strip():
            yield flaw(document, name_place(document), f"the journey {document.name!r} has no description")


@gate(
    "N002",
    "nobody is accountable",
    Severity.NOTE,
    why="Whoever is responsible does the work; whoever is accountable answers for the outcome and can stop it. Where both are left to one "
    "team there is nobody to turn to when that team is on holiday or wrong. RACI asks for exactly one accountable.",
    cure="write 'accountable:' beside 'responsible:' under 'owner'",
    at=JOURNEY,
    wrong="owner: {responsible: lifecycle-team, consulted: [privacy-office], informed: [service-desk]}\n",
    right="owner: {responsible: lifecycle-team, accountable: head-of-crm, consulted: [privacy-office], informed: [service-desk]}\n",
    standard="RACI",
)
def _nobody_accountable(premises: Premises) -> Iterable[Flaw]:
    for document in premises.kind("journey"):
        owner = owner_of(document)
        if owner is not None and not (isinstance(owner, Fields) and owner.text("accountable")):
            yield flaw(document, owner.place, f"nobody is accountable for the journey {document.name!r}")


@gate(
    "N003",
    "nobody is consulted or informed",
    Severity.NOTE,
    why="A journey touches teams that did not write it: the privacy office is asked before it changes, the service desk answers the calls "
    "it causes. An owner without them has forgotten somebody or has not asked.",
    cure="name under 'owner' whom you ask ('consulted') and whom you tell ('informed'); an empty list says that there is nobody",
    at=JOURNEY,
    wrong="owner: {responsible: lifecycle-team, accountable: head-of-crm}\n",
    right="owner: {responsible: lifecycle-team, accountable: head-of-crm, consulted: [privacy-office], informed: [service-desk]}\n",
    standard="RACI",
)
def _nobody_consulted(premises: Premises) -> Iterable[Flaw]:
    for document in premises.kind("journey"):
        owner = owner_of(document)
        missing = [key for key in ("consulted", "informed") if isinstance(owner, Fields) and owner.get(key) is None]
        if owner is not None and missing:
            yield flaw(document, owner.place, f"the owner of {document.name!r} does not say who is {' or '.join(missing)}")


@gate(
    "N004",
    "the one who does the work also answers for it",
    Severity.NOTE,
    why="Four eyes see more than two. Where the same name is responsible and accountable, the second pair of eyes is written down and not "
    "there.",
    cure="name somebody else under 'accountable'",
    at=JOURNEY,
    wrong="owner: {responsible: lifecycle-team, accountable: lifecycle-team, consulted: [privacy-office], informed: [service-desk]}\n",
    right="owner: {responsible: lifecycle-team, accountable: head-of-crm, consulted: [privacy-office], informed: [service-desk]}\n",
    standard="RACI",
)
def _same_owner(premises: Premises) -> Iterable[Flaw]:
    for document in premises.documents:
        owner = owner_of(document)
        if isinstance(owner, Fields) and owner.text("responsible") and owner.text("responsible") == owner.text("accountable"):
            yield flaw(document, owner.key("accountable").place, f"{owner.text('accountable')!r} is both responsible and accountable")


@gate(
    "N005",
    "a document that others stand on has no owner",
    Severity.NOTE,
    why="Policies, catalogues, brands and models decide for every journey. When one of them has to change, somebody must be asked, and "
    "the document is where people look.",
    cure="write 'owner: {responsible: …, accountable: …}'",
    at="catalogues/next.yaml",
    wrong="",
    right="owner: {responsible: growth-team, accountable: head-of-crm}\n",
)
def _no_owner(premises: Premises) -> Iterable[Flaw]:
    for kind in ("policy", "catalogue", "brand", "model", "profile"):
        for document in premises.kind(kind):
            if owner_of(document) is None:
                place = name_place(document) if document.name else document.root.key("kind").place
                yield flaw(document, place, f"the {kind} {document.name!r} has no owner" if document.name else f"the {kind} has no owner")


@gate(
    "N006",
    "a journey has no goal",
    Severity.NOTE,
    why="Without a goal a journey is measured by what it sends. Nobody can say whether it works, so nobody can say that it may be stopped.",
    cure="write 'goal: {when: …, within: …, kpi: …}'",
    at=JOURNEY,
    wrong="",
    right="goal: {when: \"trigger.type = 'order.placed'\", within: 30d, kpi: first_orders, value: trigger.total}\n",
)
def _no_goal(premises: Premises) -> Iterable[Flaw]:
    for document in premises.kind("journey"):
        if document.root.map("goal") is None:
            yield flaw(document, name_place(document), f"the journey {document.name!r} has no goal")


@gate(
    "N007",
    "a goal counts towards no key figure",
    Severity.NOTE,
    why="A goal says what one customer should do; a key figure says what the company watches. Only goals that name one can be added up "
    "over journeys and shown beside what was spent.",
    cure="write 'kpi:' under 'goal'",
    at=JOURNEY,
    wrong="goal: {when: \"trigger.type = 'order.placed'\", within: 30d, value: trigger.total}\n",
    right="goal: {when: \"trigger.type = 'order.placed'\", within: 30d, kpi: first_orders, value: trigger.total}\n",
)
def _no_kpi(premises: Premises) -> Iterable[Flaw]:
    for document in premises.kind("journey"):
        goal = document.root.map("goal")
        if goal is not None and not goal.text("kpi"):
            yield flaw(document, goal.place, f"the goal of {document.name!r} names no key figure")


@gate(
    "N008",
    "a journey keeps nobody out to compare with",
    Severity.NOTE,
    why="Customers who were written to and bought might have bought anyway. Only those who were kept out by chance tell the difference. "
    "Where that cannot be asked of anybody, a waiver says so, with a name and a date.",
    cure="write 'holdout: 5%', or waive the rule for this journey in a policy",
    at=JOURNEY,
    wrong="",
    right="holdout: 5%\n",
)
def _no_holdout(premises: Premises) -> Iterable[Flaw]:
    for document in premises.kind("journey"):
        marketing = premises.class_of(document.root.text("purpose")) == "marketing"
        if marketing and document.root.scalar("holdout") is None:
            yield flaw(document, name_place(document), f"the journey {document.name!r} has no holdout")


@gate(
    "N009",
    "people are kept out of what they must be told",
    Severity.WARNING,
    why="A holdout withholds messages by chance. That is fair for advertising. What belongs to a contract or to a legal duty must reach "
    "everybody it concerns.",
    cure="remove 'holdout', or give the journey a marketing purpose if that is what it is",
    at="journeys/payment.yaml",
    wrong="stage: service\nholdout: 10%\n",
    right="stage: service\n",
)
def _duty_held_out(premises: Premises) -> Iterable[Flaw]:
    for document in premises.kind("journey"):
        holdout, purpose = document.root.scalar("holdout"), document.root.text("purpose")
        if holdout is not None and holdout.text not in ("0", "0%") and premises.class_of(purpose) in ("service", "transactional"):
            message = f"{document.name!r} keeps {holdout.text} of people out of messages of the purpose {purpose!r}"
            yield flaw(document, document.root.key("holdout").place, message)


@gate(
    "N010",
    "there is no runbook",
    Severity.NOTE,
    why="At two in the morning somebody has to decide whether to pause, stop or wait, and it will not be the author. A runbook says what "
    "may go wrong, how it shows, and what to do.",
    cure="write 'runbook:' with the address of a page or the path of a file that says what to do",
    at=JOURNEY,
    wrong="",
    right="runbook: https://wiki.lumen.example/runbooks/welcome\n",
)
def _no_runbook(premises: Premises) -> Iterable[Flaw]:
    covered = {name for book in premises.kind("playbook") if book.root.get("runbook") is not None for name in _parts_of_playbook(book.root)}
    for document in premises.kind("journey"):
        if not document.root.text("runbook") and document.name not in covered:
            yield flaw(document, name_place(document), f"the journey {document.name!r} has no runbook")


def _parts_of_playbook(root: Fields) -> Iterable[str]:
    for item in root.list("templates"):
        if isinstance(item, Fields):
            yield item.text("name") or item.text("template")


@gate(
    "N011",
    "a journey has no tests",
    Severity.WARNING,
    why="A test says what should happen to one customer. Journeys without tests are tried on customers, and every later change is a guess "
    "about what it breaks.",
    cure="write 'tests:' with at least one customer and what should happen to them",
    at="journeys/rest.yaml",
    wrong="",
    right="tests:\n"
    "  - name: after an order there is a day of rest\n"
    "    events: [{type: order.placed, data: {order_id: A-1, total: 20}}]\n"
    "    expect: {steps: [rest, rested], ends: rested}\n"
    "  - name: a parcel is the goal\n"
    "    events: [{type: order.placed, data: {order_id: A-1, total: 20}}, {type: parcel.sent, after: 2h, data: {order_id: A-1}}]\n"
    "    expect: {ends: goal}\n",
)
def _no_tests(premises: Premises) -> Iterable[Flaw]:
    for document in premises.kind("journey"):
        if not document.root.list("tests"):
            yield flaw(document, name_place(document), f"the journey {document.name!r} has no tests")


@gate(
    "N012",
    "somebody is consulted about their own work",
    Severity.NOTE,
    why="Somebody who is both responsible and consulted, or accountable and informed, is asked or told about their own work. The list "
    "then looks complete and reaches nobody else.",
    cure="remove the name from the list, or name whom you meant",
    at=JOURNEY,
    wrong="owner: {responsible: lifecycle-team, accountable: head-of-crm, consulted: [lifecycle-team], informed: [service-desk]}\n",
    right="owner: {responsible: lifecycle-team, accountable: head-of-crm, consulted: [privacy-office], informed: [service-desk]}\n",
    standard="RACI",
)
def _owner_twice(premises: Premises) -> Iterable[Flaw]:
    for document in premises.documents:
        owner = owner_of(document)
        if not isinstance(owner, Fields):
            continue
        own = {owner.text("responsible"), owner.text("accountable")}
        for key in ("consulted", "informed"):
            for name in texts(owner, key):
                if name in own:
                    yield flaw(document, owner.key(key).place, f"{name!r} owns {document.name!r} and is {key} as well")


OWNERSHIP = (
    _no_description,
    _nobody_accountable,
    _nobody_consulted,
    _same_owner,
    _no_owner,
    _no_goal,
    _no_kpi,
    _no_holdout,
    _duty_held_out,
    _no_runbook,
    _no_tests,
    _owner_twice,
)
"""The gates on who answers for a journey and what it says of itself."""
