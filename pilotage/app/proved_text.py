"""Answers of `prove` as lines: what has the same question and the same reason stands together, so that a person can read many of them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap

from pilotage.app.terminal import counted
from pilotage.proof.outcome import Proof, Verdict

_ORDER = (Verdict.WITNESS, Verdict.NEVER, Verdict.UNKNOWN)
_NOUNS = {Verdict.PROVED: "proved", Verdict.NEVER: "for nobody", Verdict.WITNESS: "with a witness", Verdict.UNKNOWN: "unknown"}


def listed(proofs: Iterable[Proof], width: int = 0) -> Iterator[str]:
    """The answers that are not proved, a line for each that stands alone; of pairs with the same question those of one journey stand
    together. Lines are wrapped at a width (0: not)."""
    groups: dict[tuple[Verdict, str, str, str, str], list[Proof]] = defaultdict(list)
    for proof in proofs:
        paired = len(proof.journeys) == 2
        reason = "" if proof.verdict is Verdict.WITNESS and paired else proof.reason
        groups[proof.verdict, proof.question, proof.kind, proof.about if paired else "", reason].append(proof)
    for verdict in _ORDER:
        for (found, question, kind, about, reason), group in groups.items():
            if found is verdict:
                yield from _together(verdict, f"{question} {kind}", about, reason, group, width)


def _together(verdict: Verdict, what: str, about: str, reason: str, group: Sequence[Proof], width: int) -> Iterator[str]:
    why = f": {reason}" if reason else ""
    if len(group) == 1:
        yield from _wrapped(f"{verdict:7}  {what}  {', '.join(group[0].journeys)}  {group[0].about}".rstrip() + why, "         ", width)
        return
    noun = "pair" if about else "answer"
    yield from _wrapped(f"{verdict:7}  {what}  {about + ', ' if about else ''}{counted(len(group), noun)}{why}", "         ", width)
    for name, others in _gathered(group) if about else _by_journey(group):
        yield from _wrapped(f"         {name}{' with' if about else ''} {', '.join(others)}".rstrip(), "           ", width)


def _gathered(group: Sequence[Proof]) -> Iterator[tuple[str, list[str]]]:
    """Pairs by the journey that most of those that are left have in common."""
    left = [proof.journeys for proof in group]
    while left:
        counts = Counter(name for pair in left for name in pair)
        name = min(counts, key=lambda each: (-counts[each], each))
        yield name, sorted(one if other == name else other for one, other in left if name in (one, other))
        left = [pair for pair in left if name not in pair]


def _by_journey(group: Sequence[Proof]) -> Iterator[tuple[str, list[str]]]:
    """What answers are about, by the journeys that they name."""
    found: dict[str, list[str]] = defaultdict(list)
    for proof in group:
        found[", ".join(proof.journeys)].append(proof.about)
    yield from sorted(found.items())


def _wrapped(line: str, indent: str, width: int) -> list[str]:
    return wrap(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False) if width else [line]


def various(witnesses: Sequence[Proof]) -> list[Proof]:
    """Witnesses in the order in which they are worth telling: the first of each question, kind and thing before the second of any."""
    rank: Counter[tuple[str, str, str]] = Counter()
    placed = []
    for proof in witnesses:
        key = (proof.question, proof.kind, proof.about if len(proof.journeys) == 2 else "")
        placed.append((rank[key], proof))
        rank[key] += 1
    return [proof for _, proof in sorted(placed, key=lambda each: each[0])]


def counts(proofs: Sequence[Proof], plain: int) -> str:
    """How many answers there are of each verdict."""
    by_verdict = {verdict: sum(proof.verdict is verdict for proof in proofs) for verdict in Verdict}
    by_verdict[Verdict.PROVED] += plain
    return ", ".join(f"{number:,} {_NOUNS[verdict]}" for verdict, number in by_verdict.items() if number or verdict is not Verdict.NEVER)
