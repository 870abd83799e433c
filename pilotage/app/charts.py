"""Small charts as SVG text: bars side by side, and a line over days. They take their colours from the page they stand in."""

from collections.abc import Mapping, Sequence
from datetime import date
from html import escape

WIDTH, HEIGHT = 340, 150
LEFT, BOTTOM, TOP = 36, 22, 8
COLOURS = ("var(--b)", "var(--a)", "var(--c)")


def bars(series: Mapping[str, Mapping[int, int]]) -> str:
    """Bars by whole numbers, those of several series side by side, with a key; empty where there is nothing."""
    places = range(max((place for counts in series.values() for place in counts), default=-1) + 1)
    most = max((count for counts in series.values() for count in counts.values()), default=0)
    if not most:
        return ""
    width, height = 620, 200
    step = (width - LEFT) / len(places)
    each = step * 0.8 / len(series)
    drawn = []
    for number, (name, counts) in enumerate(series.items()):
        for place in places:
            tall = (height - BOTTOM - TOP - 16) * counts.get(place, 0) / most
            x, y = LEFT + place * step + number * each, height - BOTTOM - tall
            title = f"<title>{escape(name)}: {counts.get(place, 0)} got {place}</title>"
            drawn.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{each:.1f}" height="{tall:.1f}" fill="{_colour(number)}">{title}</rect>')
        key = LEFT + number * 150
        drawn.append(
            f'<rect x="{key}" y="0" width="10" height="10" fill="{_colour(number)}"/><text x="{key + 14}" y="9">{escape(name)}</text>'
        )
    drawn += [f'<text x="{LEFT + place * step + step * 0.4:.1f}" y="{height - 6}" text-anchor="middle">{place}</text>' for place in places]
    return _svg(width, height, [*_axis(width, height, most, TOP + 16), *drawn], "people by number of messages")


def lines(days: Mapping[str, int], limit: int = 0) -> str:
    """A line over days in order, gaps counted as none, with another at a limit; empty where there is nothing."""
    if not days:
        return ""
    whole = _without_gaps(days)
    values = list(whole.values())
    most = max(*values, limit, 1)
    step = (WIDTH - LEFT) / max(1, len(values) - 1)
    points = [(LEFT + place * step, _height(value, most)) for place, value in enumerate(values)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    drawn = [f'<polyline points="{path}" fill="none" stroke="var(--a)" stroke-width="2"/>']
    drawn += [
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="var(--a)"><title>{escape(day)}: {value}</title></circle>'
        for (x, y), (day, value) in zip(points, whole.items(), strict=True)
    ]
    if limit:
        y = _height(limit, most)
        drawn.append(f'<line x1="{LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="var(--b)" stroke-dasharray="4 3"/>')
    first, last = next(iter(whole)), next(reversed(whole))
    drawn.append(f'<text x="{LEFT}" y="{HEIGHT - 6}">{escape(first)}</text>')
    if last != first:
        drawn.append(f'<text x="{WIDTH}" y="{HEIGHT - 6}" text-anchor="end">{escape(last)}</text>')
    return _svg(WIDTH, HEIGHT, [*_axis(WIDTH, HEIGHT, most, TOP), *drawn], f"by day, {first} to {last}")


def _without_gaps(days: Mapping[str, int]) -> dict[str, int]:
    first, last = (date.fromisoformat(each(days)).toordinal() for each in (min, max))
    found = (date.fromordinal(day).isoformat() for day in range(first, last + 1))
    return {day: days.get(day, 0) for day in found}


def _height(value: int, most: int) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * value / most


def _axis(width: int, height: int, most: int, top: int) -> Sequence[str]:
    base = height - BOTTOM
    return [
        f'<line x1="{LEFT}" x2="{width}" y1="{base}" y2="{base}" stroke="var(--line)"/>',
        f'<line x1="{LEFT}" x2="{width}" y1="{top}" y2="{top}" stroke="var(--line)" stroke-dasharray="2 4"/>',
        f'<text x="{LEFT - 5}" y="{base}" text-anchor="end">0</text>',
        f'<text x="{LEFT - 5}" y="{top + 4}" text-anchor="end">{most:,}</text>',
    ]


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def _svg(width: int, height: int, inside: Sequence[str], label: str) -> str:
    head = f'<svg role="img" aria-label="{escape(label)}" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
    return f"{head}{''.join(inside)}</svg>"
