"""The review policy: what a change must come through before it may run, as a document (`kind: review_policy`).

Each fact about a change that carries risk has its points; their sum picks a tier, and the tier says which roles must approve, how
many of each, and within what time. The policy also says which findings block, who may release in an emergency, and who may roll
back. Where a workspace has none, `USUAL` holds.
"""

from collections.abc import Iterable, Iterator

import msgspec

from pilotage.audit.canonical import digest_of
from pilotage.event.time import DAY_US
from pilotage.journey.document import Document, Fields, Scalar
from pilotage.journey.findings import Report, suggestion
from pilotage.journey.forms import FORMS
from pilotage.journey.forms_of_people import ROLES
from pilotage.journey.forms_of_reviews import FACTS
from pilotage.journey.scalars import Unreadable, duration_or, flag_or, integer_of
from pilotage.journey.shape import check
from pilotage.proof.gates import ALL

FILE = "review.yaml"
"""Where the policy lies in a workspace."""

POINTS = {
    "wording": 0,
    "logic": 2,
    "new_journey": 3,
    "policy": 4,
    "service": 0,
    "marketing": 1,
    "channels": 1,
    "many": 2,
    "ai": 2,
    "regulated": 5,
    "waiver": 2,
    "proof_absent": 0,
    "proof_proved": 0,
    "proof_unknown": 1,
    "proof_witness": 4,
}
"""The points of each fact that carries risk, where a policy says nothing else."""


class Tier(msgspec.Struct, frozen=True):
    """From so many points on a change is in this tier: how many of each role must approve, within what time. In an `automatic`
    one nobody need."""

    name: str
    points: int
    approvals: dict[str, int]
    within_us: int
    automatic: bool = False

    @property
    def people(self) -> int:
        """How many different people must approve."""
        return sum(self.approvals.values())


class Emergency(msgspec.Struct, frozen=True):
    """Who may release in an emergency, with whose approvals, and within what time a review of it is owed."""

    role: str
    approvals: dict[str, int]
    review_within_us: int


class ReviewPolicy(msgspec.Struct, frozen=True):
    """What changes must come through. `tiers` ascend by points from 0. `regulated` names purposes (or what they begin with, up to a
    dot), `many` is from how many people under way on a change reaches many, `block` are the rules whose warnings block as errors
    do. `rollback` is the role that may release an earlier release again; empty: it takes a proposal."""

    name: str
    points: dict[str, int]
    tiers: tuple[Tier, ...]
    regulated: tuple[str, ...] = ()
    many: int = 10_000
    block: tuple[str, ...] = ()
    emergency: Emergency | None = None
    rollback: str = ""

    @property
    def digest(self) -> str:
        return digest_of(msgspec.to_builtins(self))


def strict(policy: ReviewPolicy, other: ReviewPolicy | None) -> ReviewPolicy:
    """A policy under which whatever blocks by the other blocks too."""
    return policy if other is None else msgspec.structs.replace(policy, block=tuple(sorted({*policy.block, *other.block})))


def needed(tiers: Iterable[Tier]) -> dict[str, int]:
    """How many of each role satisfy all of some tiers."""
    found: dict[str, int] = {}
    for tier in tiers:
        for role, number in tier.approvals.items():
            found[role] = max(number, found.get(role, 0))
    return found


USUAL = ReviewPolicy(
    name="usual",
    points=POINTS,
    tiers=(
        Tier("low", 0, {"reviewer": 1}, DAY_US),
        Tier("medium", 2, {"reviewer": 2}, 2 * DAY_US),
        Tier("high", 6, {"reviewer": 1, "privacy": 1, "council": 2}, 5 * DAY_US),
    ),
    block=("J002", "J021", "P006"),
    emergency=Emergency("operator", {"operator": 1}, 2 * DAY_US),
    rollback="operator",
)
"""What holds where a workspace has no policy of its own."""


def parse_review_policy(document: Document, report: Report) -> ReviewPolicy | None:
    """The policy of a document; None, with findings, where it is not right."""
    own = Report()
    check(document.root, FORMS["review_policy"], "the review policy", document, own)
    policy = None if own.failed else _Reader(document, own).policy()
    report.extend(own.findings)
    return None if own.failed else policy


class _Reader:
    """Reads a document whose shape is right, and reports what does not make sense."""

    def __init__(self, document: Document, report: Report) -> None:
        self.document, self.report, self.root = document, report, document.root

    def wrong(self, rule: str, place: tuple[int, int], message: str, cure: str) -> None:
        self.report.add(rule, self.document.path, place, message, cure)

    def policy(self) -> ReviewPolicy:
        points, root = self.root.map("points"), self.root
        for key, _ in points.fields if points else ():
            if key.text not in FACTS:
                self.wrong("V001", key.place, f"unknown fact {key.text!r}", suggestion(key.text, FACTS, "facts"))
        given = {key.text: self.whole(value, f"the points of {key.text!r}") for key, value in (points.fields if points else ())}
        for scalar in root.list("block"):
            if isinstance(scalar, Scalar) and scalar.text not in ALL:
                self.wrong("V001", scalar.place, f"unknown rule {scalar.text!r}", "write the id of a rule, such as J021")
        many = root.scalar("many")
        return ReviewPolicy(
            name=root.text("name"),
            points=USUAL.points | given,
            tiers=tuple(self.tiers()),
            regulated=self.texts("regulated"),
            many=int(many.text) if many else USUAL.many,
            block=self.texts("block"),
            emergency=self.emergency(),
            rollback=self.role(root.scalar("rollback")),
        )

    def texts(self, key: str) -> tuple[str, ...]:
        return tuple(sorted({scalar.text for scalar in self.root.list(key) if isinstance(scalar, Scalar)}))

    def tiers(self) -> Iterator[Tier]:
        before: Tier | None = None
        for fields in self.root.list("tiers"):
            if not isinstance(fields, Fields):
                continue
            tier = Tier(
                name=fields.text("name"),
                points=self.whole(fields.scalar("from"), "'from'"),
                approvals=self.approvals(fields),
                within_us=duration_or(fields.scalar("within"), DAY_US),
                automatic=flag_or(fields.scalar("automatic"), False),
            )
            self.check_tier(fields, before, tier)
            before = tier
            yield tier

    def check_tier(self, fields: Fields, before: Tier | None, tier: Tier) -> None:
        """A tier above another asks for no less; nobody is asked only where that is said."""
        if before is None and tier.points:
            self.wrong("V002", fields.key("from").place, f"no tier holds below {tier.points} points", "begin the first tier with 'from: 0'")
        if before is not None and tier.points <= before.points:
            cure = "write tiers in the order of points"
            self.wrong("V002", fields.key("from").place, f"the tier {tier.name!r} begins no higher than {before.name!r}", cure)
        if before is not None and tier.people < before.people:
            cure = f"ask for {before.people} at least"
            message = f"the tier {tier.name!r} asks for fewer approvals than {before.name!r} below it"
            self.wrong("V002", fields.key("approvals").place, message, cure)
        if tier.automatic == bool(tier.people):
            cure = "name who approves, or write 'automatic: true' with 'approvals: {}'"
            message = f"the tier {tier.name!r} is automatic and asks for approvals" if tier.people else f"nobody approves in {tier.name!r}"
            self.wrong("V002", fields.key("approvals").place, message, cure)

    def emergency(self) -> Emergency | None:
        fields = self.root.map("emergency")
        if fields is None:
            return None
        within_us = duration_or(fields.scalar("review_within"), DAY_US)
        return Emergency(self.role(fields.scalar("role")), self.approvals(fields), within_us)

    def approvals(self, fields: Fields) -> dict[str, int]:
        found = fields.map("approvals")
        wanted = {}
        for key, value in found.fields if found else ():
            number = self.whole(value, f"the number of {key.text!r}")
            if self.role(key) and number:
                wanted[key.text] = number
        return dict(sorted(wanted.items()))

    def role(self, scalar: Scalar | None) -> str:
        if scalar is not None and scalar.text not in ROLES:
            self.wrong("V001", scalar.place, f"unknown role {scalar.text!r}", suggestion(scalar.text, ROLES, "roles"))
            return ""
        return scalar.text if scalar is not None else ""

    def whole(self, value: object, what: str) -> int:
        """A whole number from 0 to 1,000."""
        assert isinstance(value, Scalar)
        try:
            number = integer_of(value)
        except Unreadable:
            return 0  # reported already
        if not 0 <= number <= 1_000:
            self.wrong("V002", value.place, f"{what} cannot be {number}", "write a whole number from 0 to 1000")
        return number
