"""Contact policies as plain data: purposes with their legal basis, quiet hours, budgets, suppression, intake.

They are documents (`kind: policy`) compiled into the plan, so a change of policy is a change of the plan's digest.
"""

import msgspec
from msgspec import UNSET, UnsetType

from pilotage.predicate.ir import Predicate


class Purpose(msgspec.Struct, frozen=True):
    """Why a company contacts people. `basis` is the legal basis (GDPR art. 6): with `consent`, a missing grant means no;
    with `legitimate_interest` a recorded objection means no; with `contract`, `legal_obligation` or `vital_interest` the
    message does not depend on consent. `contact_class` is marketing, service or transactional. Its messages reach nobody of whom
    `only` is not true (false or NULL); without it, it is left out of the stored form."""

    name: str
    contact_class: str
    basis: str
    only: Predicate | UnsetType = UNSET


class QuietHours(msgspec.Struct, frozen=True):
    """A daily span in the subject's zone in which nothing of these classes leaves on these channels.

    `start_minute` and `end_minute` count from local midnight; a span with start > end crosses midnight. Empty `channels`
    means all channels."""

    name: str
    channels: tuple[str, ...]
    classes: tuple[str, ...]
    start_minute: int
    end_minute: int


class Budget(msgspec.Struct, frozen=True):
    """At most `limit` messages in any rolling window, over those that match all non-empty lists."""

    name: str
    limit: int
    window_us: int
    channels: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    journeys: tuple[str, ...] = ()


class Suppression(msgspec.Struct, frozen=True):
    """While the condition is not false (NULL blocks too), messages of these classes do not leave."""

    name: str
    when: Predicate
    classes: tuple[str, ...]
    reason: str = ""


class Slot(msgspec.Struct, frozen=True):
    """Messages of these classes (on these channels; empty: all) leave only at the ends of the subject's slots, at most `limit` at
    each. Slots of `length_us` follow each other without a gap; a hash of the subject says where they begin."""

    name: str
    length_us: int
    classes: tuple[str, ...]
    limit: int = 1
    channels: tuple[str, ...] = ()


class Closing(msgspec.Struct, frozen=True, omit_defaults=True):
    """A span [start, end) of a calendar, for the subjects in some countries and regions (ISO 3166-2, such as DE-BY; both empty: all).
    Its ends are wall times in the subject's zone, in microseconds as if they were UTC; those of a `fixed` one are instants, the same
    for everybody."""

    start_us: int
    end_us: int
    reason: str
    countries: tuple[str, ...] = ()
    fixed: bool = False
    regions: tuple[str, ...] = ()


class Calendar(msgspec.Struct, frozen=True):
    """Spans in which nothing of these classes leaves on these channels (empty: all). They are listed one by one, as they were when
    the plan was made: no table of holidays is asked later."""

    name: str
    classes: tuple[str, ...]
    channels: tuple[str, ...]
    closings: tuple[Closing, ...]


class Policy(msgspec.Struct, frozen=True):
    """All contact policies of a plan. `zone` is the IANA zone of subjects whose own is unknown; `zone_attribute` the
    profile attribute that holds a subject's own; `country` and `country_attribute` are the same for countries, where there are
    calendars. `regions` are all regions of the countries of which a calendar names one, and `region_attribute` holds a subject's: what
    is none of them says nothing. Of messages decided at one instant those of the class named earlier in `order` go first, whatever
    their priority.
    What came after the first release is left out of the stored form where it is not used."""

    purposes: tuple[Purpose, ...] = ()
    quiet_hours: tuple[QuietHours, ...] = ()
    budgets: tuple[Budget, ...] = ()
    suppressions: tuple[Suppression, ...] = ()
    zone: str = "UTC"
    zone_attribute: str = "timezone"
    slots: tuple[Slot, ...] | UnsetType = UNSET
    calendars: tuple[Calendar, ...] | UnsetType = UNSET
    country: str | UnsetType = UNSET
    country_attribute: str | UnsetType = UNSET
    order: tuple[str, ...] | UnsetType = UNSET
    region_attribute: str | UnsetType = UNSET
    regions: tuple[str, ...] | UnsetType = UNSET
