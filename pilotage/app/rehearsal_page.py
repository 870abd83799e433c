"""A rehearsal's report as one HTML page: no script, no font, no picture from elsewhere; charts are SVG inside the page.

Every chart stands beside the numbers that it shows, so nothing is told by colour or shape alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from pilotage.app.charts import bars, lines
from pilotage.app.terminal import number
from pilotage.simulate.rehearsal import AMONG, BEFORE
from pilotage.simulate.report import ContrastView, JourneyView, Report, SpreadView, VersionView

TITLES = {"alone": "alone", "among": "among all others", "before": "the plan before"}
VERBS = ("entered", "sent", "called", "opened", "goal")
CHARTED = 12
"""For how many steps a chart by day is drawn: those that act most."""

_STYLE = """
:root{color-scheme:light dark;--ink:#1d2733;--soft:#5b6b7d;--line:#d5dce4;--back:#fff;--a:#1f6f8b;--b:#b8632a;--c:#5a7d3a}
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9fb0c0;--line:#33414f;--back:#11181f;--a:#5fb4d0;--b:#e29a63;--c:#9cc27a}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--back);max-width:70rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;margin:0}h2{font-size:1.2rem;margin:2.2rem 0 .5rem;border-top:1px solid var(--line);padding-top:1rem}
h3{font-size:1rem;margin:1rem 0 .2rem}p.soft,td.soft,figcaption{color:var(--soft)}
table{border-collapse:collapse;margin:.5rem 0;font-variant-numeric:tabular-nums}
th,td{padding:.2rem .8rem .2rem 0;text-align:left;border-bottom:1px solid var(--line);vertical-align:top}
th{font-weight:600}td.n,th.n{text-align:right}figure{margin:1rem 0;display:inline-block;vertical-align:top;margin-right:2rem}
svg{max-width:100%;height:auto}svg text{fill:var(--soft);font:11px system-ui,sans-serif}
.tag{border:1px solid var(--a);color:var(--a);border-radius:.3rem;padding:0 .3rem;font-size:.8rem}
.tiles{display:flex;flex-wrap:wrap;gap:1rem;margin:1rem 0}.tiles div{border:1px solid var(--line);border-radius:.5rem;padding:.6rem 1rem}
.tiles b{display:block;font-size:1.4rem}.scroll{overflow-x:auto}
"""


def page(report: Report) -> str:
    """The page of a report."""
    versions = {each.version: each for each in report.versions}
    among, before = versions[AMONG], versions.get(BEFORE)
    parts = [
        _head(report, among, before),
        _section("Journeys", _journeys(report.versions)),
        _section("By day", _by_day(among)),
        _section("Messages per person", _messages(report.versions)),
        _section("Candidates stopped by policies", _policies(among)),
        _section("Tasks per team and day", _teams(among)),
        _section("Cost", _costs(report.versions)),
        _section("Time in stage", _stages(among)),
        _section("Against the plan before", _contrast(report.contrast) if report.contrast else ""),
        _section("By group", _groups(among, before)),
        _section("Assumptions", _assumptions(report)),
    ]
    title = f"Rehearsal of plan {report.plan[:12]}"
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title><style>{_STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body><main>{"".join(parts)}</main></body></html>\n'


def _section(title: str, inside: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{inside}</section>" if inside else ""


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]], right: int = 1) -> str:
    """A table whose first `right` columns are text, and all others numbers; cells are HTML already."""
    body = "".join(f"<tr>{''.join(_cell(cell, place >= right) for place, cell in enumerate(row))}</tr>" for row in rows)
    if not body:
        return ""
    head = "".join(f'<th scope="col"{_numeric(place >= right)}>{escape(name)}</th>' for place, name in enumerate(columns))
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(cell: str, numeric: bool) -> str:
    return f"<td{_numeric(numeric)}>{cell}</td>"


def _numeric(numeric: bool) -> str:
    return ' class="n"' if numeric else ""


def _head(report: Report, among: VersionView, before: VersionView | None) -> str:
    sent = next((each for each in among.messages if each.channel == "all"), None)
    earlier = next((each for each in before.messages if each.channel == "all"), None) if before else None
    tiles = [("subjects", number(among.subjects)), ("events", number(among.events))]
    if sent is not None:
        was = f" (before {earlier.per_person:.2f})" if earlier else ""
        tiles += [("messages", number(sent.total)), ("messages per person", f"{sent.per_person:.2f}{was}")]
    if report.contrast is not None:
        displaced = sum(report.contrast.displaced.values())
        tiles += [("people who notice", number(report.contrast.differing)), ("messages displaced", number(displaced))]
    shown = "".join(f"<div><b>{escape(value)}</b>{escape(name)}</div>" for name, value in tiles)
    candidate = ", ".join(report.candidate) or "none: only policies or contents differ"
    against = f", against {report.before[:12]}" if report.before else ""
    return (
        f"<h1>Rehearsal of plan {escape(report.plan[:12])}{escape(against)}</h1>"
        f'<p class="soft">Candidate: {escape(candidate)}.<br>{escape(report.events)}; {escape(report.begins[:16])} to '
        f"{escape(report.until[:16])} UTC.</p><div class=tiles>{shown}</div>"
    )


def _journeys(versions: Sequence[VersionView]) -> str:
    names = list(dict.fromkeys(journey.journey for version in versions for journey in version.journeys))
    known = [{journey.journey: journey for journey in version.journeys} for version in versions]
    rows: list[list[str]] = []
    for name in names:
        of = [each.get(name) for each in known]
        if any(journey is not None and (journey.entered or journey.held_out) for journey in of):
            rows += _journey_rows(name, of, versions)
    titles = [TITLES[version.version] for version in versions]
    return _table(("journey", "step", *titles, "next week, 8 of 10 times", "median time after entry"), rows, right=2)


def _journey_rows(name: str, of: Sequence[JourneyView | None], versions: Sequence[VersionView]) -> Iterable[list[str]]:
    tag = ' <span class="tag">candidate</span>' if any(journey is not None and journey.candidate for journey in of) else ""
    ahead = next((journey for journey, version in zip(of, versions, strict=True) if version.version == AMONG), None)
    entered = ["" if journey is None else number(journey.entered) for journey in of]
    yield [f"<b>{escape(name)}</b>{tag}", "entered", *entered, _week(ahead, "", "entered"), ""]
    for step in dict.fromkeys(step.step for journey in of if journey for step in journey.steps):
        for verb in ("sent", "called", "opened"):
            counts = [None if journey is None else _count(journey, step, verb) for journey in of]
            if any(counts):
                cells = ["" if count is None else number(count) for count in counts]
                yield ["", escape(f"{step} {verb}"), *cells, _week(ahead, step, verb), _after(ahead, step, verb)]
    if any(journey is not None and journey.goals for journey in of):
        yield ["", "goal reached", *("" if each is None else f"{each.goal_rate:.1%}" for each in of), "", ""]


def _count(journey: JourneyView, step: str, verb: str) -> int:
    return sum(each.verbs.get(verb, 0) for each in journey.steps if each.step == step)


def _week(journey: JourneyView | None, step: str, verb: str) -> str:
    found = [each.next_week[verb] for each in journey.steps if each.step == step and verb in each.next_week] if journey else []
    return f"{found[0].low} to {found[0].high}" if found else ""


def _after(journey: JourneyView | None, step: str, verb: str) -> str:
    found = [each.after_entry[verb] for each in journey.steps if each.step == step and verb in each.after_entry] if journey else []
    return _minutes(found[0].median) if found else ""


def _by_day(among: VersionView) -> str:
    steps = [
        (f"{journey.journey} / {step.step or 'entry'}, {verb}", days)
        for journey in among.journeys
        for step in journey.steps
        for verb, days in step.days.items()
        if verb in VERBS
    ]
    steps.sort(key=lambda each: -sum(each[1].values()))
    return "".join(_figure(name, lines(days)) for name, days in steps[:CHARTED])


def _figure(caption: str, chart: str) -> str:
    return f"<figure>{chart}<figcaption>{escape(caption)}</figcaption></figure>" if chart else ""


def _messages(versions: Sequence[VersionView]) -> str:
    series = {
        TITLES[version.version]: {int(count): people for count, people in found.people.items()}
        for version in versions
        for found in version.messages
        if found.channel == "all"
    }
    rows = [
        [escape(TITLES[version.version]), escape(found.channel), number(found.total), f"{found.per_person:.2f}"]
        for version in versions
        for found in version.messages
    ]
    peaks = [
        [escape(TITLES[version.version]), *(number(version.peaks.get(str(most), 0)) for most in range(_peak(versions) + 1))]
        for version in versions
    ]
    chart = _figure("people by the number of messages they got", bars(series))
    week = f"<h3>Most messages to one person in seven days</h3>{_table(('people', *map(str, range(_peak(versions) + 1))), peaks)}"
    return chart + _table(("version", "channel", "messages", "per person"), rows, right=2) + week


def _peak(versions: Sequence[VersionView]) -> int:
    return max((int(most) for version in versions for most in version.peaks), default=0)


def _policies(among: VersionView) -> str:
    rows = [
        [
            escape(policy.rule),
            escape("; ".join(f"{step} {number(count)}" for step, count in list(policy.steps.items())[:3])),
            *map(number, (policy.blocked, policy.deferred, policy.lost, policy.stopped)),
        ]
        for policy in sorted(among.policies, key=lambda each: -(each.blocked + each.deferred + each.lost + each.stopped))
    ]
    waits = among.waits
    waited = f"<p>Who was put off waited {_minutes(waits.median)} in the middle, nine of ten at most {_minutes(waits.p90)}.</p>"
    return _table(("policy", "mostly", "blocked", "put off", "lost", "stopped on leaving"), rows, right=2) + (waited if waits.count else "")


def _teams(among: VersionView) -> str:
    rows = [
        [
            escape(team.team),
            number(team.total),
            number(team.busiest),
            number(team.capacity) if team.capacity else "not declared",
            number(team.days_over) if team.capacity else "",
        ]
        for team in among.teams
    ]
    charts = "".join(_figure(f"tasks of {team.team} by day", lines(team.days, team.capacity)) for team in among.teams)
    return _table(("team", "tasks", "busiest day", "can do a day", "days over"), rows) + charts


def _costs(versions: Sequence[VersionView]) -> str:
    rows = [
        [escape(TITLES[version.version]), escape(cost.channel), number(cost.messages), escape(cost.price), escape(cost.cost)]
        for version in versions
        for cost in version.costs
    ]
    return _table(("version", "channel", "messages", "price of one", "cost"), rows, right=2)


def _stages(among: VersionView) -> str:
    rows = [[escape(stage or "none"), *_spread(spread)] for stage, spread in among.stages.items()]
    return _table(("stage", "entries ended", "mean", "median", "nine of ten"), rows)


def _spread(spread: SpreadView) -> list[str]:
    return [number(spread.count), _minutes(spread.mean), _minutes(spread.median), _minutes(spread.p90)]


def _contrast(contrast: ContrastView) -> str:
    share = contrast.differing / contrast.subjects if contrast.subjects else 0.0
    said = f"<p>It differs for {number(contrast.differing)} of {number(contrast.subjects)} subjects ({share:.1%}).</p>"
    kinds = {
        "new": contrast.new,
        "gone": contrast.gone,
        "gone of journeys both have": contrast.displaced,
        "at another time": contrast.moved,
    }
    rows = [[escape(kind), escape(step), number(count)] for kind, counts in kinds.items() for step, count in _most(counts)]
    examples = "".join(
        f"<h3>Subject {escape(example.subject)}</h3>"
        + _table(
            ("at (UTC)", "", "message"),
            [
                [escape(line.at[:16]), escape(line.fate), escape(f"{line.journey} / {line.step} on {line.channel}")]
                for line in example.messages
            ],
            right=3,
        )
        for example in contrast.examples
    )
    told = "<p class=soft>Displaced are messages, gone, of journeys that both plans have alike.</p>"
    return said + _table(("messages", "step", "number"), rows, right=2) + told + examples


def _most(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda each: (-each[1], each[0]))[:10]


def _groups(among: VersionView, before: VersionView | None) -> str:
    earlier = {(each.attribute, each.value): each for each in before.groups} if before is not None else {}
    rows = []
    for each in among.groups:
        was = earlier.get((each.attribute, each.value))
        shares = [f"{each.exposed:.1%}", f"{each.contacted:.1%}", f"{each.messages:.2f}", f"{was.messages:.2f}" if was else ""]
        rows.append([escape(each.attribute), escape(each.value), number(each.people), *shares, _minutes(each.waited)])
    columns = ("attribute", "value", "people", "entered anything", "contacted", "messages each", "before", "mean wait if put off")
    return _table(columns, rows, right=2)


def _assumptions(report: Report) -> str:
    said = "".join(f"<li>{escape(line)}</li>" for line in report.assumptions)
    rows = [
        [
            escape(name),
            *(f"{share:.2%}" for share in (rates.delivered, rates.opened, rates.clicked, rates.complained, rates.converted)),
            f"{number(rates.handed)} messages" if rates.handed else "assumed",
        ]
        for name, rates in report.rates.items()
    ]
    columns = ("channel or step", "arrives", "opened", "clicked", "complained of", "converted", "measured on")
    return f"<ul>{said}</ul>{_table(columns, rows)}"


def _minutes(minutes: float) -> str:
    if minutes < 90:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.1f} h" if minutes < 2_880 else f"{minutes / 1_440:.1f} d"
