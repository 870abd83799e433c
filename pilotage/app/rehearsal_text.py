"""A rehearsal's report in the terminal: the candidate among all others, and beside it what was before."""

from collections.abc import Iterable, Mapping

from rich.console import Console
from rich.table import Table

from pilotage.app.terminal import counted, number, table
from pilotage.simulate.rehearsal import ALONE, AMONG, BEFORE
from pilotage.simulate.report import ContrastView, JourneyView, Report, VersionView

LINES = 8
"""How many lines a part of the report has at most here; all of it is in the document."""

TITLES = {"alone": "alone", "among": "among all", "before": "before"}


def tell(out: Console, report: Report) -> None:
    """Print a report."""
    versions = {each.version: each for each in report.versions}
    among = versions[AMONG]
    _head(out, report, among)
    _journeys(out, report.versions)
    _messages(out, report.versions)
    _policies(out, among)
    _teams(out, among)
    _costs(out, report.versions)
    _stages(out, among)
    if report.contrast is not None:
        _contrast(out, report.contrast)
    _groups(out, among, versions.get(BEFORE))
    out.print("\n[bold]Assumptions[/]")
    for line in report.assumptions:
        out.print(f"  {line}", markup=False)
    for name, rates in report.rates.items():
        if "/" not in name:
            basis = f"measured on {number(rates.handed)}" if rates.handed else "assumed"
            shares = f"arrives {rates.delivered:.1%}, opened {rates.opened:.1%}, clicked {rates.clicked:.1%}"
            out.print(f"  {name}: {shares}, complained of {rates.complained:.2%}, converted {rates.converted:.1%} ({basis})", markup=False)


def _head(out: Console, report: Report, among: VersionView) -> None:
    against = f" against {report.before[:12]}" if report.before else ""
    out.print(f"[bold]Rehearsal[/] of plan {report.plan[:12]}{against}")
    candidates = ", ".join(report.candidate) if len(report.candidate) < 4 else f"{len(report.candidate)} journeys"
    out.print(f"candidate: {candidates or 'none: only policies or contents differ'}", markup=False)
    refused = f", {number(among.refused)} events refused by the kernel" if among.refused else ""
    out.print(
        f"{report.events}: {number(among.subjects)} subjects, {number(among.events)} events, "
        f"{report.begins[:16]} to {report.until[:16]}{refused}",
        markup=False,
    )


def _journeys(out: Console, versions: list[VersionView]) -> None:
    """Every journey with its steps, and how often they acted under each version."""
    names = list(dict.fromkeys(journey.journey for version in versions for journey in version.journeys))
    known = [{journey.journey: journey for journey in version.journeys} for version in versions]
    ahead = [place for place, version in enumerate(versions) if version.version != ALONE]
    columns = [TITLES[version.version] for version in versions]
    rows = table("journey", "step", *columns, "next week", right=(*columns, "next week"))
    for name in names:
        of = [each.get(name) for each in known]
        if any(journey is not None and (journey.entered or journey.held_out) for journey in of):
            _journey_rows(rows, name, of, [of[place] for place in ahead])
    out.print()
    out.print(rows)


def _journey_rows(rows: Table, name: str, versions: list[JourneyView | None], ahead: list[JourneyView | None]) -> None:
    add = rows.add_row
    shown = f"{name} *" if any(journey is not None and journey.candidate for journey in versions) else name
    add(shown, "entered", *(_count(journey.entered if journey else None) for journey in versions), _week(ahead, "", "entered"))
    for step in dict.fromkeys(step.step for journey in versions if journey for step in journey.steps):
        for verb in ("sent", "called", "opened"):
            counts = [_of_step(journey, step, verb) for journey in versions]
            if any(counts):
                add("", f"{step} {verb}", *map(_count, counts), _week(ahead, step, verb))
    if any(journey is not None and journey.goals for journey in versions):
        add("", "goal", *(f"{journey.goal_rate:.1%}" if journey else "" for journey in versions), "")


def _of_step(journey: JourneyView | None, step: str, verb: str) -> int | None:
    if journey is None:
        return None
    return sum(each.verbs.get(verb, 0) for each in journey.steps if each.step == step)


def _week(versions: list[JourneyView | None], step: str, verb: str) -> str:
    """The week to come under the candidate among all others, or under what was before where that has the journey alone."""
    steps = [each for journey in versions if journey for each in journey.steps if each.step == step]
    found = [each.next_week[verb] for each in steps if verb in each.next_week]
    return f"{found[0].low}–{found[0].high}" if found else ""


def _count(count: int | None) -> str:
    return "" if count is None else number(count)


def _messages(out: Console, versions: list[VersionView]) -> None:
    rows = table("messages", "in all", "per person", "nobody's share", "most to one", "most in 7 days", right=("in all", "per person"))
    for version in versions:
        for found in version.messages:
            people = {int(count): people for count, people in found.people.items()}
            none = people.get(0, 0) / max(1, sum(people.values()))
            most, week = max(people, default=0), max(map(int, version.peaks), default=0)
            last = (f"{none:.0%}", str(most), str(week)) if found.channel == "all" else ("", str(most), "")
            rows.add_row(f"{TITLES[version.version]}, {found.channel}", number(found.total), f"{found.per_person:.2f}", *last)
    out.print()
    out.print(rows)


def _policies(out: Console, among: VersionView) -> None:
    rows = table("policy", "blocked", "put off", "lost", "stopped", "mostly", right=("blocked", "put off", "lost", "stopped"))
    for policy in sorted(among.policies, key=lambda each: -(each.blocked + each.lost + each.stopped))[:LINES]:
        counts = (policy.blocked, policy.deferred, policy.lost, policy.stopped)
        rows.add_row(policy.rule, *map(number, counts), next(iter(policy.steps), ""))
    if among.policies:
        out.print()
        out.print(rows)
        waits = among.waits
        if waits.count:
            out.print(f"who was put off waited {_minutes(waits.median)} in the middle, {_minutes(waits.p90)} for one in ten or longer")


def _teams(out: Console, among: VersionView) -> None:
    rows = table("team", "tasks", "busiest day", "can do a day", "days over", right=("tasks", "busiest day", "can do a day", "days over"))
    for team in among.teams:
        capacity, over = (str(team.capacity), str(team.days_over)) if team.capacity else ("not declared", "")
        rows.add_row(team.team, number(team.total), number(team.busiest), capacity, over)
    if among.teams:
        out.print()
        out.print(rows)


def _costs(out: Console, versions: list[VersionView]) -> None:
    rows = table("cost", "messages", "price", "in all", right=("messages", "price", "in all"))
    for version in versions:
        for cost in version.costs:
            rows.add_row(f"{TITLES[version.version]}, {cost.channel}", number(cost.messages), cost.price, cost.cost)
    if rows.row_count:
        out.print()
        out.print(rows)


def _stages(out: Console, among: VersionView) -> None:
    rows = table("stage", "ended", "median", "nine of ten", right=("ended", "median", "nine of ten"))
    for stage, spread in among.stages.items():
        rows.add_row(stage or "none", number(spread.count), _minutes(spread.median), _minutes(spread.p90))
    if among.stages:
        out.print()
        out.print(rows)


def _contrast(out: Console, contrast: ContrastView) -> None:
    share = contrast.differing / contrast.subjects if contrast.subjects else 0.0
    out.print(
        f"\n[bold]Against the plan before[/]: it differs for {number(contrast.differing)} of {number(contrast.subjects)} ({share:.1%})"
    )
    for name, counts in (
        ("new", contrast.new),
        ("gone", contrast.gone),
        ("displaced", contrast.displaced),
        ("at another time", contrast.moved),
    ):
        if counts:
            out.print(f"  {name}: {counted(sum(counts.values()), 'message')}: {', '.join(_most(counts))}", markup=False)
    for example in contrast.examples[:2]:
        out.print(f"  for example {example.subject}", markup=False)
        for line in example.messages[:LINES]:
            out.print(f"    {line.at[:16]}  {line.fate:7}  {line.journey}/{line.step} on {line.channel}", markup=False)


def _most(counts: Mapping[str, int]) -> Iterable[str]:
    for place, (name, count) in enumerate(sorted(counts.items(), key=lambda each: (-each[1], each[0]))):
        if place == LINES // 2:
            yield f"and {len(counts) - place} more steps"
            return
        yield f"{name} {number(count)}"


def _groups(out: Console, among: VersionView, before: VersionView | None) -> None:
    earlier = {(each.attribute, each.value): each for each in before.groups} if before is not None else {}
    columns = ("people", "exposed", "contacted", "messages each", *(("before",) if earlier else ()), "waited")
    rows = table("group", *columns, right=columns)
    for each in among.groups:
        was = earlier.get((each.attribute, each.value))
        cells = [number(each.people), f"{each.exposed:.1%}", f"{each.contacted:.1%}", f"{each.messages:.2f}"]
        cells += [f"{was.messages:.2f}" if was else ""] if earlier else []
        rows.add_row(f"{each.attribute}: {each.value}", *cells, _minutes(each.waited))
    if among.groups:
        out.print()
        out.print(rows)


def _minutes(minutes: float) -> str:
    """A time as people say it."""
    if minutes < 90:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.1f} h" if minutes < 2_880 else f"{minutes / 1_440:.1f} d"
