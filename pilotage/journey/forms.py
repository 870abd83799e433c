"""The forms of every kind of document: which keys there are, what their values look like and what they mean.

This is the language as data. `shape.check` reports departures from it, `schema` publishes it to editors.
"""

from pilotage.journey.forms_of_contents import ASSET_KEYS, BRAND_KEYS, CONTENT_KEYS, COUPONS_KEYS, SEEDS_KEYS
from pilotage.journey.forms_of_people import PEOPLE_KEYS
from pilotage.journey.forms_of_policies import CALENDAR_KEYS, POLICY_KEYS
from pilotage.journey.forms_of_reviews import REVIEW_POLICY_KEYS, WAIVERS_KEYS
from pilotage.journey.forms_of_templates import PLAYBOOK_KEYS, TEMPLATE_KEYS
from pilotage.journey.forms_of_tests import TESTS
from pilotage.journey.parameters import PARAMETER_TYPES, parametric
from pilotage.journey.shape import Either, Form, Key, Later, Listing, Mapped, Shape, Value
from pilotage.journey.step_forms import STEP, TYPES
from pilotage.journey.subjects import ACCOUNT, PERSON

STAGES = ("acquisition", "onboarding", "adoption", "renewal", "growth", "advocacy", "service")
ATTRIBUTE_TYPES = (*TYPES, "list", "map")
EXISTING = ("include", "exclude")
SUBJECTS = (PERSON, ACCOUNT)

_NAMES = Listing(Value("name"))


def _head(kind: str, *keys: Key) -> Form:
    """A document's form: what all documents begin with, then its own keys."""
    shared = (
        Key("$schema", Value(), "where the JSON Schema of this kind lies, for editors"),
        Key("schema", Value("schema"), "the version of the document format: 1", required=True),
        Key("kind", Value(choices=(kind,)), f"the kind of document: {kind}", required=True),
        Key("description", Value("line"), "what it is for, in a sentence or two; no part of any digest"),
        Key("owner", Either(Value(), OWNER), "who answers for it"),
    )
    return Form(f"the {kind}", shared + keys)


OWNER = Form(
    "the owner",
    (
        Key("responsible", Value(), "the team or person who does the work", required=True),
        Key("accountable", Value(), "the one who answers for the outcome"),
        Key("consulted", Listing(Value(), empty=True), "those asked before a change"),
        Key("informed", Listing(Value(), empty=True), "those told after a change"),
    ),
)

SCHEDULE = Form(
    "the schedule",
    (
        Key("cron", Value("cron"), "minute, hour, day of month, month and weekday", required=True),
        Key("audience", Value("name"), "the audience whose members enter", required=True),
        Key("zone", Value(), "whose clock counts: subject (as without it), company, or an IANA zone"),
        Key("spread", Value("duration"), "how long it takes until all have entered, each at a moment of its own"),
    ),
)

MIGRATE = Form(
    "the migration",
    (
        Key("from", Value("text"), "how the digest of the earlier version begins, or any (as without it)"),
        Key("steps", Mapped(Value("step path"), "step path", empty=True), "from each step of that version to one of this, or to exit"),
    ),
)

JOURNEY = _head(
    "journey",
    Key("name", Value("name"), "stage.purpose.name", required=True),
    Key("subject", Value(choices=SUBJECTS), "whom it runs on: person (as without it), or account"),
    Key("purpose", Value("name"), "the consent purpose of its messages"),
    Key("stage", Value("word"), f"the lifecycle stage: {', '.join(STAGES)}"),
    Key(
        "enter",
        Form(
            "the entrance",
            (
                Key("on", Value("name"), "the event type that starts an entry"),
                Key("audience", Value("name"), "the audience: entering it starts an entry"),
                Key("left", Value("name"), "the audience: leaving it starts an entry"),
                Key("schedule", SCHEDULE, "when those in an audience enter"),
                Key("where", Value("condition"), "which of those events start one; `trigger` is the event"),
                Key("key", Value("expression"), "what tells entries apart, such as trigger.order_id: one entry for each value"),
                Key(
                    "reentry",
                    Either(
                        Value(choices=("never", "always")),
                        Form("the re-entry rule", (Key("after", Value("duration"), "since the last entry began", required=True),)),
                    ),
                    "whether a subject may enter again: never, always, or {after: 90d}",
                ),
            ),
        ),
        "who enters, and when",
        required=True,
    ),
    Key(
        "exit",
        Listing(
            Form(
                "the exit rule",
                (
                    Key("when", Value("condition"), "ends the entry as soon as it is true"),
                    Key("left", Value("name"), "the audience: leaving it ends the entry"),
                    Key("reason", Value(), "the reason recorded", required=True),
                ),
            ),
            empty=True,
        ),
        "conditions that end the entry",
    ),
    Key(
        "goal",
        Form(
            "the goal",
            (
                Key("when", Value("condition"), "what the journey is for", required=True),
                Key("within", Value("duration"), "how long after entry it counts", required=True),
                Key("kpi", Value("name"), "the key figure it counts towards"),
                Key("value", Value("expression"), "what reaching it is worth"),
                Key("stay", Value("flag"), "whether the entry goes on afterwards; false without it"),
            ),
        ),
        "what the journey is for",
    ),
    Key(
        "fallback",
        Form(
            "the fallback",
            (
                Key("on_blocked", Value("step"), "where a message goes that a policy refuses, or that expires"),
                Key("on_failure", Value("step"), "where steps go that finally fail"),
                Key("on_timeout", Value("step"), "where steps go whose time is up"),
            ),
        ),
        "where steps go that have no edge of their own",
    ),
    Key("holdout", Value("share"), "the share of subjects kept out, to measure the effect"),
    Key("runbook", Value(), "where it is written what to do when something goes wrong: an address or a file; no part of any digest"),
    Key("entries_per_day", Value("count"), "how many people are expected to enter a day; no part of any digest"),
    Key(
        "in_flight",
        Either(
            Value(choices=("finish", "exit")),
            Form("the in-flight policy", (Key("migrate", MIGRATE, "they go on under this version", required=True),)),
        ),
        "what becomes of those under way when this version takes over: finish (as without it), exit, or {migrate: …}",
    ),
    Key("steps", Listing(Later("step", lambda: STEP)), "what happens, in the order written", required=True),
    TESTS,
)

FRAGMENT_STEP: Shape = parametric(STEP, Later("step", lambda: FRAGMENT_STEP))
"""A step of a fragment: like a journey's, but that `$name` may stand for a value."""

FRAGMENT = _head(
    "fragment",
    Key("name", Value("name"), "the fragment's name", required=True),
    Key("version", Value(), "its version, which journeys name"),
    Key(
        "parameters",
        Mapped(
            Form(
                "the parameter",
                (
                    Key("type", Value(choices=PARAMETER_TYPES), "its type", required=True),
                    Key("default", Value("setting"), "its value where a journey gives none"),
                    Key("description", Value("line"), "what it is for"),
                ),
            ),
            "parameter",
            empty=True,
        ),
        "what journeys give it; in its steps, `$name` stands for the value",
    ),
    Key("steps", Listing(Later("step", lambda: FRAGMENT_STEP)), "what happens, in the order written", required=True),
)

CATALOGUE = _head(
    "catalogue",
    Key("name", Value("name"), "the catalogue's name", required=True),
    Key("model", Value("name"), "the model whose scores it uses, by the name of its card"),
    Key(
        "actions",
        Mapped(
            Form(
                "the action",
                (
                    Key("description", Value("line"), "what it is"),
                    Key("when", Value("condition"), "to whom it is open: those for whom this is true; to all without it"),
                    Key("score", Value("expression"), "what it is worth, for steps that choose by score"),
                    Key("weight", Value("count"), "how often it is chosen beside others, for steps that choose by weights"),
                ),
            )
        ),
        "what may be done next",
        required=True,
    ),
)

MODEL = _head(
    "model",
    Key("name", Value("name"), "the model's name", required=True),
    Key("purpose", Value("line"), "what its scores are for", required=True),
    Key("data", Value("line"), "what it was made from: sources, time span, whose data"),
    Key("metrics", Mapped(Value("setting"), "word"), "how well it does, by measure"),
    Key("fairness", Value("line"), "for whom it does better or worse, and how that was measured"),
    Key("limits", Value("line"), "what it must not be used for, and where it does not hold"),
    Key("version", Value(), "which version this card is about"),
)

POLICY = _head("policy", *POLICY_KEYS)

CALENDAR = _head("calendar", *CALENDAR_KEYS)

AUDIENCE = _head(
    "audience",
    Key("name", Value("name"), "the audience's name", required=True),
    Key("subject", Value(choices=SUBJECTS), "who is in it: persons (as without it), or accounts"),
    Key("when", Value("condition"), "who is in it: those for whom this is true"),
    Key("members", Value("name"), "only those on this static list, which `pilotage audience upload` fills"),
    Key("any", _NAMES, "only those in at least one of these audiences"),
    Key("all", _NAMES, "only those in all of these audiences"),
    Key("except", _NAMES, "none who is in one of these audiences"),
    Key("existing", Value(choices=EXISTING), "whether those who meet it when it is released are in it; include without it"),
)

_ATTRIBUTES = Mapped(
    Form(
        "the attribute",
        (
            Key("type", Value(choices=ATTRIBUTE_TYPES), "its type", required=True),
            Key("from", Listing(Value()), "the event fields that set it, such as customer.signed_up.email"),
            Key("classification", Value("word"), "how sensitive it is, such as personal or sensitive"),
            Key("description", Value("line"), "what it says"),
        ),
    ),
    empty=True,
)

PROFILE = _head(
    "profile",
    Key("attributes", _ATTRIBUTES, "what is known about a person", required=True),
    Key(
        "accounts",
        Form(
            "the accounts",
            (
                Key("roles", Listing(Value("word"), empty=True), "the roles that persons may have in an account"),
                Key("attributes", _ATTRIBUTES, "what is known about an account"),
            ),
        ),
        "the accounts that persons belong to; without it there are none",
    ),
)

CONTENT = _head("content", *CONTENT_KEYS)
CONTENT = Form(CONTENT.title, CONTENT.keys, more=Value("line"))

ASSET = _head("asset", *ASSET_KEYS)

COUPONS = _head("coupons", *COUPONS_KEYS)

SEEDS = _head("seeds", *SEEDS_KEYS)

BRAND = _head("brand", *BRAND_KEYS)

_ENDPOINT = Form(
    "the endpoint",
    (
        Key("url", Value(), "where calls go", required=True),
        Key("secret", Value(), "the signing secret, as ${NAME}"),
        Key("idempotent", Value("flag"), "whether the receiver drops a repeated call; true without it"),
        Key("timeout_s", Value("setting"), "how many seconds one attempt may take; 10 without it"),
        Key("headers", Mapped(Value(), "text"), "further headers, such as an authorization"),
    ),
)

_CHANNEL = Form("the channel", (), more=Either(Value("setting"), Mapped(Value("setting"))))
_INTAKE = Form(
    "the intake",
    (
        Key("undeclared", Value(choices=("quarantine", "accept", "drop")), "what becomes of events whose type has no contract"),
        Key("future_tolerance", Value("duration"), "how far ahead of the clock an event may be; 5m without it"),
        Key("ancient", Value("duration"), "how old an event may be; ten years without it"),
    ),
)

WORKSPACE = Form(
    "pilotage.yaml",
    (
        Key("$schema", Value(), "where the JSON Schema lies, for editors"),
        Key("schema", Value("schema"), "the version of the document format: 1", required=True),
        Key("company", Value(), "whose customers these are", required=True),
        Key(
            "environment",
            Form(
                "the environment",
                (
                    Key("name", Value("word"), "the environment's name; it salts every effect key", required=True),
                    Key("production", Value("flag"), "whether everybody may be reached; false without it"),
                    Key("allow", Listing(Value(), empty=True), "outside production, who may be reached, such as *@example.test"),
                ),
            ),
            "which environment this is",
            required=True,
        ),
        Key("zone", Value(), "the company's IANA zone", required=True),
        Key("intake", _INTAKE, "how events are taken in"),
        Key(
            "history",
            Form("the history", (Key("retention", Value("duration"), "how long history is kept, whole days; for ever without it"),)),
            "how the history of events and decisions is kept",
        ),
        Key(
            "log",
            Form("the log", (Key("retention", Value("duration"), "how long records stay in the log, whole days; 30d without it"),)),
            "how the log is kept that stories are read from",
        ),
        Key(
            "rehearsal",
            Form(
                "the rehearsal",
                (
                    Key("prices", Mapped(Value("number"), "name"), "what a message costs, by channel"),
                    Key("capacity", Mapped(Value("count"), "name"), "how many tasks a team can do a day"),
                ),
            ),
            "what reports of rehearsals reckon with",
        ),
        Key(
            "bindings",
            Form(
                "the bindings",
                (
                    Key("channels", Mapped(_CHANNEL, "name", empty=True), "the channels and their settings"),
                    Key("endpoints", Mapped(_ENDPOINT, "name", empty=True), "the endpoints that `call` steps name"),
                    Key("write_keys", Mapped(Value(), "name", empty=True), "the write key of each source"),
                ),
            ),
            "channels, endpoints and write keys of this environment; ${NAME} reads an environment variable",
        ),
    ),
)

TEMPLATE = _head("template", *TEMPLATE_KEYS)

PLAYBOOK = _head("playbook", *PLAYBOOK_KEYS)

PEOPLE = _head("people", *PEOPLE_KEYS)

REVIEW_POLICY = _head("review_policy", *REVIEW_POLICY_KEYS)

WAIVERS = _head("waivers", *WAIVERS_KEYS)

FORMS: dict[str, Shape] = {
    "journey": JOURNEY,
    "fragment": FRAGMENT,
    "catalogue": CATALOGUE,
    "model": MODEL,
    "audience": AUDIENCE,
    "policy": POLICY,
    "calendar": CALENDAR,
    "profile": PROFILE,
    "content": CONTENT,
    "asset": ASSET,
    "brand": BRAND,
    "seeds": SEEDS,
    "coupons": COUPONS,
    "template": TEMPLATE,
    "playbook": PLAYBOOK,
    "people": PEOPLE,
    "review_policy": REVIEW_POLICY,
    "waivers": WAIVERS,
    "pilotage": WORKSPACE,
}
"""The form of each kind of document; `pilotage` is that of pilotage.yaml."""
