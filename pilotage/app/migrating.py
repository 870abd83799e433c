"""Whether a plan may take over from those before it: everybody under way is counted first, and a wrong map is refused."""

from collections import Counter

from msgspec import UNSET

from pilotage.app.exits import CONFIG, Trouble
from pilotage.app.programs import Programs
from pilotage.journey.advance import advance
from pilotage.journey.crossing import Crossing, Place, crossings, resting
from pilotage.journey.plan import Plan
from pilotage.runner.folder import AGAIN, DataFolder
from pilotage.runner.shard import Shard
from pilotage.runner.station import open_stores
from pilotage.runner.ticket import SHARDS


def check_migrations(folder: DataFolder, plan: Plan) -> None:
    """Count who is under way in a folder that nobody runs on, if a plan that is not its newest yet has them migrate. `Trouble`
    where it may not take over."""
    names = folder.environment.plans
    migrates = any(journey.in_flight is not UNSET and journey.in_flight.policy == "migrate" for journey in plan.journeys)
    if not names or not migrates or names[-1].partition(AGAIN)[0] == plan.digest:
        return
    refused = [each for each in crossings(folder.plans(), plan, _under_way(folder)) if each.refusal]
    if refused:
        raise Trouble(refusal_text(refused), CONFIG, f"{refused[0].cure}; 'pilotage migration' shows all steps")


def refusal_text(refused: list[Crossing]) -> str:
    """What forbids a takeover, in a sentence: the first step, and how many more there are."""
    first, more = refused[0], len(refused) - 1
    step = f"the step '{first.step}'" if first.step else "no step: they are held out"
    rest = f"; {more} more step{'s' if more > 1 else ''} like it" if more else ""
    who = f"{first.people} {'person rests' if first.people == 1 else 'people rest'} on {step}"
    return f"{first.journey} cannot take over from its version {first.version}: {who}: {first.refusal}{rest}"


def _under_way(folder: DataFolder) -> Counter[Place]:
    """How many people rest where, to the last acknowledged event."""
    programs, plan = Programs(folder.path), folder.environment.plans[-1]
    stores = open_stores(folder.path, range(SHARDS))
    people: Counter[Place] = Counter()
    try:
        for number, store in stores.items():
            shard = Shard(number, store, programs(plan), folder.environment.name, advance=advance, plan=plan, programs=programs)
            shard.recover()
            known = (shard.read(subject) for subject in shard.subjects())
            people += resting(found[0] for found in known if found is not None)
    finally:
        for store in stores.values():
            store.close()
    return people
