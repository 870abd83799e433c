"""Why two acts of two journeys can never collide: each rule here is a proof for every customer, every past and every order of events.

Two acts collide when they happen to one customer less than some time apart. The rules ask, the cheapest first, whether the customers
can be the same, whether a budget or a contact slot keeps the messages apart, whether the journeys keep away from each other, whether
both begin at the same instant, and whether they act at different times of the day.
"""

from collections.abc import Callable, Iterable, Mapping

import msgspec
from msgspec import UNSET

from pilotage.event.time import DAY_US, HOUR_US, MINUTE_US, duration_text
from pilotage.journey.impossible import NEVER_US
from pilotage.journey.plan import Journey
from pilotage.journey.subjects import on_accounts
from pilotage.predicate.canonical import canonical
from pilotage.predicate.flips import walk
from pilotage.predicate.ir import (
    Aggregate,
    Attribute,
    Call,
    Count,
    Expr,
    Feature,
    Field,
    InAudience,
    Literal,
    Performed,
    Predicate,
    Sequence,
    SinceLast,
    Type,
    Zone,
)
from pilotage.predicate.solver.logic import Limits, Outcome
from pilotage.predicate.solver.problem import Problem, World, looks_inside
from pilotage.predicate.text import expression_text
from pilotage.proof.acts import SEND, Act, Footprint, Guard, Setting, Silence, kept_away
from pilotage.proof.domains import box_of, conjuncts

CLOCK_CHANGES_US = 2 * HOUR_US
"""How much nearer two times of the day can come where clocks are changed: each by an hour at most."""
SOLVER = Limits(work=1_000_000, timeout_ms=60_000)
"""What one question to the solver may use: units of its own work. The time is a last resort that is never met."""

_PAST = (Count, Performed, SinceLast, Aggregate, Sequence)


class Reason(msgspec.Struct, frozen=True):
    """Why two acts never collide, and the attributes that must stay as they are for it."""

    text: str
    assumes: tuple[str, ...] = ()


class Apart:
    """Decides whether acts can never collide; what was asked of the solver is remembered."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.requested = setting.requested
        self.same_customers: dict[frozenset[tuple[Expr, bool]], Reason | None] = {}
        self.solved = 0

    def never(self, one: Act, other: Act, within_us: int, footprints: tuple[Footprint, Footprint]) -> Reason | None:
        """Why two acts never happen less than `within_us` apart; None where that is not known."""
        rules: tuple[Callable[[], Reason | None], ...] = (
            lambda: self._customers(one, other),
            lambda: _budget(one, other, within_us),
            lambda: _slot(one, other, within_us),
            lambda: _kept_away(one, other, within_us) or _kept_away(other, one, within_us),
            lambda: self._silent(one, other, within_us, footprints),
            lambda: self._mutual(one, other, within_us, footprints),
            lambda: self._together(one, other, within_us, footprints),
            lambda: self._firsts(one, other, within_us, footprints),
            lambda: self._clock(one, other, within_us),
        )
        return next((found for rule in rules if (found := rule()) is not None), None)

    def _customers(self, one: Act, other: Act) -> Reason | None:
        """Nobody meets the conditions of both."""
        needs = one.needs | other.needs
        if needs not in self.same_customers:
            self.same_customers[needs] = self._nobody(needs)
        return self.same_customers[needs]

    def _nobody(self, needs: frozenset[tuple[Expr, bool]]) -> Reason | None:
        box = box_of(needs)
        if not box.empty and not box.rest:
            return None
        if not box.empty:
            self.solved += 1
            whole = conjoined(needs)
            if not impossible(whole):
                return None
        read = sorted({part.name for expr, _ in needs for part in walk(expr) if isinstance(part, Attribute)})
        text = "nobody meets the conditions of both: " + " and ".join(sorted(said(expr, holds) for expr, holds in needs))
        return Reason(text, tuple(name for name in read if name in self.setting.changing))

    def _silent(self, one: Act, other: Act, within_us: int, footprints: tuple[Footprint, Footprint]) -> Reason | None:
        mine, theirs = (each.journey for each in footprints)
        for first, second, journey in ((one, other, theirs), (other, one, mine)):
            found = _silence(first, second, within_us, journey) if journey.name not in self.requested else None
            if found is not None:
                return found
        return None

    def _mutual(self, one: Act, other: Act, within_us: int, footprints: tuple[Footprint, Footprint]) -> Reason | None:
        """Each journey is entered only by those who have not entered the other for some time, so the entries lie so far apart."""
        if any(on_accounts(each.journey) for each in footprints):
            return None
        windows = [_entrance_guard(mine, theirs.journey.name) for mine, theirs in (footprints, footprints[::-1])]
        if not all(windows):
            return None
        first, second = (window - mine.after.most_us + theirs.after.least_us for window, mine, theirs in
                         ((windows[1], one, other), (windows[0], other, one)))  # fmt: skip
        if min(first, second) < within_us:
            return None
        return Reason(f"neither is entered within {_time(min(windows))} of the other")

    def _firsts(self, one: Act, other: Act, within_us: int, footprints: tuple[Footprint, Footprint]) -> Reason | None:
        """Each begins only with the one event of a type that there is in a long window: with the same one, or with two far apart."""
        mine, theirs = (each.journey for each in footprints)
        windows = [_only_window(journey) for journey in (mine, theirs)]
        if mine.enter.event != theirs.enter.event or not all(windows) or self.requested & {mine.name, theirs.name}:
            return None
        gap = max(other.after.least_us - one.after.most_us, one.after.least_us - other.after.most_us)
        far = min(windows) - max(one.after.most_us, other.after.most_us)
        if min(gap, far) < within_us:
            return None
        return Reason(f"both begin with the only {mine.enter.event} in {_time(min(windows))}, and act at least {duration_text(gap)} apart")

    def _together(self, one: Act, other: Act, within_us: int, footprints: tuple[Footprint, Footprint]) -> Reason | None:
        """Both begin with the first such event and only once, so what they do is as far apart as their waits."""
        mine, theirs = (each.journey for each in footprints)
        if not self._begin_alike(mine, theirs):
            return None
        gap = max(other.after.least_us - one.after.most_us, one.after.least_us - other.after.most_us)
        if gap < within_us:
            return None
        return Reason(f"both begin at the first {mine.enter.event} and never again, and act at least {duration_text(gap)} apart")

    def _begin_alike(self, one: Journey, other: Journey) -> bool:
        enters = (one.enter, other.enter)
        if any(each.reentry != "never" or each.key is not UNSET or each.schedule is not UNSET for each in enters):
            return False
        if one.enter.event != other.enter.event or on_accounts(one) or on_accounts(other) or self.requested & {one.name, other.name}:
            return False
        wheres = [canonical(each.where.expr) if each.where is not None else None for each in enters]
        return wheres[0] == wheres[1] and (wheres[0] is None or self._settled(wheres[0]))

    def _settled(self, expr: Expr) -> bool:
        """Whether a condition has one value however far other journeys have come at the same event."""
        steady, policy = self.setting.steady, self.setting.plan.policy
        for part in walk(expr):
            if isinstance(part, Attribute) and part.name not in steady:
                return False
            if isinstance(part, Zone) and part.attribute and part.attribute not in steady:
                return False
            if not isinstance(part, (Literal, Attribute, Zone, Call, Field, *_PAST)):
                return False
        return bool(policy)

    def _clock(self, one: Act, other: Act, within_us: int) -> Reason | None:
        """Both act at times of the day on one clock that are far enough apart."""
        mine, theirs = one.minutes, other.minutes
        if mine is None or theirs is None or mine.zone != theirs.zone:
            return None
        zone = self.setting.plan.policy.zone_attribute
        if mine.zone == "subject" and zone not in self.setting.steady and any(each.name == zone for each in self.setting.plan.attributes):
            return None
        nearest = min(min((a - b) % 1440, (b - a) % 1440) for a in mine.minutes for b in theirs.minutes)
        if nearest * MINUTE_US - CLOCK_CHANGES_US < within_us or within_us > DAY_US // 2:
            return None
        assumes = (zone,) if mine.zone == "subject" and zone in self.setting.changing else ()
        return Reason(f"they act at times of the day at least {duration_text(nearest * MINUTE_US)} apart", assumes)


def nobody(needs: frozenset[tuple[Expr, bool]], features: Mapping[str, Feature] | None = None, world: World | None = None) -> bool:
    """Whether it is proved that nobody meets conditions that hold at one instant, in a world; `features` are those they count by."""
    box = box_of(needs)
    return box.empty or (bool(box.rest) and impossible_under(conjoined(needs, features), world or World(limits=SOLVER)))


def impossible(whole: Predicate) -> bool:
    """Whether the solver proves, within its budget, that a condition over attributes is never true."""
    return impossible_under(whole, World(limits=SOLVER))


def impossible_under(whole: Predicate, world: World) -> bool:
    """Whether the solver proves, within its budget, that a condition is never true in a world."""
    for exact in (False, True) if looks_inside([whole], world) else (False,):
        problem = Problem([whole], world, exact=exact, remembered=False)
        if problem.session.check(problem.truths[0].true) is Outcome.NONE:
            return True
    return False


def _time(us: int) -> str:
    return duration_text(us) if us < NEVER_US else "ever"


def conjoined(parts: Iterable[tuple[Expr, bool]], features: Mapping[str, Feature] | None = None) -> Predicate:
    """Parts that are true or (with False) not true, as one condition; `features` are those that they count by, by key."""
    exprs = sorted((_as_true(expr, holds) for expr, holds in parts), key=repr)
    whole = exprs[0] if len(exprs) == 1 else Call(Type.BOOLEAN, "and", tuple(exprs))
    attributes = {part.name for part in walk(whole) if isinstance(part, Attribute)}
    audiences = {part.audience for part in walk(whole) if isinstance(part, InAudience)}
    keys = {key for part in walk(whole) for key in _feature_keys(part)}
    counted = tuple(features[key] for key in sorted(keys)) if features is not None else ()
    text = expression_text(whole, features or {})
    return Predicate(text, whole, attributes=tuple(sorted(attributes)), features=counted, audiences=tuple(sorted(audiences)))


def _feature_keys(part: Expr) -> tuple[str, ...]:
    if isinstance(part, Sequence):
        return part.first, part.then
    return (part.feature,) if isinstance(part, Count | Performed | SinceLast | Aggregate) else ()


def _as_true(expr: Expr, holds: bool) -> Expr:
    return expr if holds else Call(Type.BOOLEAN, "not", (Call(Type.BOOLEAN, "is_true", (expr,)),))


def said(expr: Expr, holds: bool) -> str:
    """A part that is true or (with False) not true, as it is written."""
    return expression_text(expr) if holds else f"not ({expression_text(expr)})"


def _budget(one: Act, other: Act, within_us: int) -> Reason | None:
    """A budget has room for one of the messages only."""
    if one.kind != SEND or other.kind != SEND:
        return None
    theirs = dict(other.budgets)
    for name, window_us in one.budgets:
        if name in theirs and window_us >= within_us:
            return Reason(f"budget {name} has room for one message in {duration_text(window_us)}")
    return None


def _slot(one: Act, other: Act, within_us: int) -> Reason | None:
    """Both wait for the ends of one contact slot, each of which one message may leave at."""
    slot = one.slot
    if slot is None or other.slot != slot or slot.limit > 1 or slot.length_us < within_us:
        return None
    if min(one.expires_us, other.expires_us) < slot.length_us:
        return None  # what expires before its slot ends is decided in between
    return Reason(f"contact slot {slot.name} lets one message go in {duration_text(slot.length_us)}")


def _kept_away(one: Act, other: Act, within_us: int) -> Reason | None:
    """The first act's journey has asked, so long before, that the other's was not entered; and whoever enters that later is written to
    late enough."""
    for guard in one.apart:
        if isinstance(guard, Guard) and guard.journey == other.journey and _far(guard, other, within_us):
            how = f"had not been entered for {_time(guard.window_us)}" if guard.window_us else "was not under way"
            return Reason(f"{one.journey} asks that {other.journey} {how}, and that acts late enough after its entry")
    return None


def _silence(one: Act, other: Act, within_us: int, theirs: Journey) -> Reason | None:
    """The first act comes only where the event that begins the other's journey has not been had for long."""
    if theirs.enter.schedule is not UNSET or on_accounts(theirs):
        return None
    for guard in one.apart:
        if isinstance(guard, Silence) and guard.event == theirs.enter.event and _far(guard, other, within_us):
            return Reason(f"{one.journey} acts after {_time(guard.window_us)} without {guard.event}, which begins {other.journey}")
    return None


def _far(guard: Guard | Silence, other: Act, within_us: int) -> bool:
    later = other.after.least_us - guard.before.most_us
    if guard.window_us:
        earlier = guard.window_us + guard.before.least_us - other.after.most_us
    else:
        earlier = guard.before.least_us
    return later >= within_us and earlier >= within_us


def _only_window(journey: Journey) -> int:
    """The window in which the event that begins a journey must be the only one of its type; 0 where that is not asked."""
    where = journey.enter.where
    if where is None or journey.enter.schedule is not UNSET or on_accounts(journey):
        return 0
    found = [0]
    for expr, _ in conjuncts(where.expr):
        if isinstance(expr, Call) and expr.name == "eq" and len(expr.args) == 2:
            count, one = expr.args if isinstance(expr.args[0], Count) else expr.args[::-1]
            if isinstance(count, Count) and count.feature == count.event == journey.enter.event and one == Literal(Type.INTEGER, 1):
                found.append(count.window_us or NEVER_US)
    return max(found)


def _entrance_guard(footprint: Footprint, journey: str) -> int:
    """How long the other journey must not have been entered for an entry to begin; 0 where nothing is asked."""
    where = footprint.journey.enter.where
    said = footprint.passages.said.get(footprint.passages.first, frozenset()) if where is not None else frozenset()
    return max((guard for whole, holds, _ in said for guard in _windows(whole, holds, journey)), default=0)


def _windows(whole: Expr, holds: bool, journey: str) -> Iterable[int]:
    from_entrance = (found for part, true in conjuncts(whole, holds) if (found := kept_away(part, true)) is not None)
    return (window for name, window in from_entrance if name == journey and window)
