"""Prometheus metrics of a running system, as text. No label ever names a customer."""

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from pilotage.app.desk import Desk
from pilotage.runner.coupons import CouponBook
from pilotage.runner.telemetry import BOUNDS_S, Snapshot, samples, unite

_LABELS: Mapping[str, tuple[str, ...]] = {
    "decisions": ("journey", "step", "verb"),
    "actions": ("kind", "target", "journey"),
    "waiting": ("journey", "step"),
    "latency": ("journey", "step"),
    "receipts_refused": ("type",),
    "intake": ("outcome",),
    "history_rows": ("table",),
    "history_behind_records": ("shard",),
    "history_behind_seconds": ("shard",),
    "history_files": ("shard",),
    "history_bytes": ("shard",),
}
_HELP: Mapping[str, str] = {
    "decisions": "Decisions by journey, step and verb: entered, sent, blocked, timed_out, goal, exited, failed and so on.",
    "actions": "Messages and calls decided, by kind, channel or endpoint, and journey.",
    "waiting": "Entries that rest at a step now.",
    "latency": "Seconds from the instant a decision was due until it was durable.",
    "intake": "Events that came in: accepted, duplicate, overloaded or unavailable.",
    "commit": "Seconds that a group commit took.",
    "events": "Events applied.",
    "wakes": "Wake-ups settled.",
    "cancelled": "Messages called off before they left.",
    "queued": "Events that wait to be applied.",
    "lag": "Records that a crash now would have to advance again.",
    "history_rows": "Rows written to history files, by table.",
    "history_behind_records": "Records that are in the log and not in history files yet.",
    "history_behind_seconds": "Seconds that the oldest of them has waited; 900 is usual where little happens.",
    "history_files": "Files of the history.",
    "history_bytes": "Bytes of the history's files.",
    "history_faults": "Attempts to write history that failed; they are repeated.",
    "hand_over": "Seconds that a channel took for one hand-over.",
    "parcels": "Events that one subject handed over to another, such as a person to an account.",
    "claim_delay": "Seconds from the instant an action was due until it was claimed.",
}


class _Collected(Collector):
    """The families of one moment."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterator[Metric]:
        """Give them out."""
        return iter(self._families)


def exposition(snapshot: Snapshot, desk: Desk) -> str:
    """The text of all metrics."""
    registry = CollectorRegistry(auto_describe=False)
    whole = unite([snapshot, desk.front.telemetry.snapshot()]) if desk.front is not None else snapshot
    whole.counts.pop("quarantined", None)  # told below, by source and type, and ever since the folder was made
    registry.register(_Collected([*_of_snapshot(whole), *_of_intake(desk), *_of_coupons(desk)]))
    return generate_latest(registry).decode()


def _of_snapshot(snapshot: Snapshot) -> Iterator[Metric]:
    for name, values in sorted(snapshot.counts.items()):
        counter = CounterMetricFamily(f"pilotage_{name}", _help(name), labels=_labels(name, values))
        for labels, count in samples(values):
            counter.add_metric(labels, count)
        yield counter
    for name, values in sorted(snapshot.gauges.items()):
        gauge = GaugeMetricFamily(f"pilotage_{name}", _help(name), labels=_labels(name, values))
        for labels, count in samples(values):
            gauge.add_metric(labels, count)
        yield gauge
    for name, found in sorted(snapshot.durations.items()):
        labelled = HistogramMetricFamily(f"pilotage_{name}_seconds", _help(name), labels=_labels(name, found))
        for joined, histogram in sorted(found.items()):
            total, buckets = 0, []
            for bound, count in zip((*map(str, BOUNDS_S), "+Inf"), histogram.buckets, strict=True):
                total += count
                buckets.append((bound, total))
            labelled.add_metric(joined.split("\x1f") if joined else [], buckets, histogram.sum_s)
        yield labelled


def _of_intake(desk: Desk) -> Iterator[Metric]:
    ready = GaugeMetricFamily("pilotage_ready", "1 while events can be taken.")
    ready.add_metric([], 0 if desk.unready else 1)
    yield ready
    environment = desk.folder.environment
    sandbox = GaugeMetricFamily("pilotage_sandbox", "1 outside production, where a bare plan may run.", labels=("environment",))
    sandbox.add_metric([environment.name], 0 if environment.production else 1)
    yield sandbox
    released = GaugeMetricFamily("pilotage_release", "The number of the release that is in force; 0 while a bare plan runs.")
    released.add_metric([], desk.release.sequence if desk.release is not None else 0)
    yield released
    if desk.ingest is not None:
        answers = CounterMetricFamily("pilotage_intake_requests", "Intake requests by endpoint and status.", labels=("endpoint", "status"))
        for (endpoint, status), count in sorted(desk.ingest.answered.items()):
            answers.add_metric((endpoint, str(status)), count)
        yield answers
    if desk.records is not None:
        kinds = ("stage", "source", "type")
        refused = CounterMetricFamily("pilotage_quarantined", "Events refused, ever.", labels=kinds)
        held = GaugeMetricFamily("pilotage_quarantine_held", "Refused events that wait to be dealt with.", labels=kinds)
        for kind in desk.records.quarantine.counts():
            refused.add_metric((kind.stage, kind.source, kind.type), kind.refused)
            held.add_metric((kind.stage, kind.source, kind.type), kind.held)
        yield refused
        yield held
    if desk.supervisor is not None:
        restarts = CounterMetricFamily("pilotage_worker_restarts", "How often a worker was started again.", labels=("shards",))
        for remote in desk.supervisor.remotes:
            restarts.add_metric((",".join(map(str, sorted(remote.numbers))),), remote.restarts)
        yield restarts


def _of_coupons(desk: Desk) -> Iterator[Metric]:
    """How full each pool is, beside the number below which it is low: what an alert compares."""
    left = GaugeMetricFamily("pilotage_coupons_left", "Codes of a coupon pool that were not issued yet.", labels=("pool",))
    alarm = GaugeMetricFamily("pilotage_coupons_alarm", "A coupon pool with fewer codes left is low.", labels=("pool",))
    issued = CounterMetricFamily("pilotage_coupons_issued", "Codes of a coupon pool that were issued, ever.", labels=("pool",))
    for pool in CouponBook(desk.folder.path).pools():
        left.add_metric([pool.pool], pool.left)
        alarm.add_metric([pool.pool], pool.alarm)
        issued.add_metric([pool.pool], pool.issued)
    yield from (left, alarm, issued)


def _help(name: str) -> str:
    return _HELP.get(name, f"{name.replace('_', ' ')}, by queue.")


def _labels(name: str, values: Mapping[str, object]) -> tuple[str, ...]:
    """The label names of a family; those of the dispatcher have the queue alone."""
    if name in _LABELS:
        return _LABELS[name]
    return ("queue",) if any(values) else ()
