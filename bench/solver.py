"""The solver: 4,950 pairs of audiences compared, and one condition examined as `pilotage check` does."""

import time
from random import Random

from bench.figure import Figure
from pilotage.predicate.ir import Type
from pilotage.predicate.parse import Scope, parse
from pilotage.predicate.solver.contradictions import EXAMINED, contradictions
from pilotage.predicate.solver.pairs import pairs
from pilotage.predicate.solver.problem import World
from pilotage.source.zones import packaged_zones

SCOPE = Scope(
    attributes={
        "age": Type.INTEGER,
        "balance": Type.NUMBER,
        "born": Type.DATE,
        "country": Type.STRING,
        "email": Type.STRING,
        "tags": Type.LIST,
        "tier": Type.STRING,
    },
    events={"order.placed": {"total": Type.NUMBER, "items": Type.INTEGER}, "app.opened": {}, "complaint.opened": {}},
    purposes={"marketing": ("email", "sms")},
)
AUDIENCES = 100


def audience(random: Random) -> str:
    """A condition as audiences have them: two to four parts about the profile, what the customer did, and consent."""
    window = random.choice(("7d", "14d", "30d", "90d"))
    parts = [
        f"country in ({', '.join(repr(each) for each in random.sample(('DE', 'FR', 'IT', 'ES', 'AT', 'CH'), random.randint(1, 4)))})",
        f"tier {random.choice(('=', '<>'))} '{random.choice(('gold', 'silver', 'bronze'))}'",
        f"age between {(low := random.randrange(18, 60))} and {low + random.randrange(5, 40)}",
        f"balance >= {random.randrange(0, 500)}.50",
        f"count('order.placed', '{window}') {random.choice(('>', '>=', '<'))} {random.randint(1, 5)}",
        f"count('order.placed', '{window}', event.total > {random.randrange(10, 100, 10)}) >= {random.randint(1, 3)}",
        f"sum('order.placed', 'total', '{window}') > {random.randrange(50, 500, 50)}",
        f"performed('app.opened', '{window}')",
        f"not performed('complaint.opened', '{window}')",
        f"since_last('app.opened') > '{window}'",
        f"consent('marketing', '{random.choice(('email', 'sms'))}')",
        f"email like '%@{random.choice(('example.com', 'example.org'))}'",
        f"'{random.choice(('vip', 'new', 'b2b'))}' in tags",
        f"years_between(born, today()) >= {random.choice((18, 21, 65))}",
    ]
    return " and ".join(random.sample(parts, random.randint(2, 4)))


def figures(seed: int = 7) -> list[Figure]:
    """How long it takes to compare all pairs of audiences, and to examine one."""
    random = Random(seed)
    world = World(packaged_zones())
    predicates = {f"audience {at}": parse(audience(random), SCOPE) for at in range(AUDIENCES)}
    begun_s = time.process_time()
    compared = pairs(predicates, world)
    pairs_s = time.process_time() - begun_s
    begun_s = time.process_time()
    for predicate in predicates.values():
        contradictions(predicate, SCOPE, World(world.zones, limits=EXAMINED))
    examined_s = time.process_time() - begun_s
    answers = [answer for pair in compared for answer in (pair.implies, pair.implied, pair.disjoint)]
    bound = (
        f"{len(compared):,} pairs of {AUDIENCES} audiences: {answers.count(True):,} proofs, {answers.count(False):,} refuted by a customer "
        f"that Python confirms, {answers.count(None):,} unknown"
    )
    return [
        Figure("all pairs of audiences compared", pairs_s, "CPU s", 30, at_most=True, bound=bound),
        Figure("a condition examined", examined_s / AUDIENCES * 1000, "CPU ms", 100, at_most=True, bound="for what `check` warns of"),
    ]
