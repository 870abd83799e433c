"""The forms of every kind of document: which keys there are, what their values look like and what they mean.

This is the language as data. `shape.check` reports departures from it, `schema` publishes it to editors.
"""

from pilotage.journey.forms_of_templates import TEMPLATE_KEYS
from pilotage.journey.forms_of_tests import TESTS
from pilotage.journey.shape import Either, Form, Key, Listing, Mapped, Shape, Value, Variants

CLASSES = ("marketing", "service", "transactional")
BASES = ("consent", "legitimate_interest", "contract", "legal_obligation", "vital_interest")
STAGES = ("acquisition", "onboarding", "adoption", "renewal", "growth", "advocacy", "service")
TYPES = ("string", "integer", "number", "boolean", "date", "timestamp")
ATTRIBUTE_TYPES = (*TYPES, "list", "map")
EXISTING = ("include", "exclude")

_NAMES = Listing(Value("name"))
_CLASSES = Listing(Value(choices=CLASSES))
_DATA = Mapped(Value("expression"), "field")


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

_ID = Key("id", Value("word"), "the step's name: unique in the journey and stable, since state and metrics hang on it", required=True)
_NEXT = Key("next", Value("word"), "the step that follows; without it the one written next; `end` ends the journey")
_NOTE = Key("note", Value("line"), "a remark for readers; no part of any digest")
_STEP_DATA = Key("data", _DATA, "a value for each field")


def _edge(name: str, meaning: str) -> Key:
    return Key(name, Value("word"), meaning)


WAIT = Form(
    "the wait",
    (
        Key("for", Value("duration"), "how long to wait"),
        Key("until", Value("name"), "the event type to wait for"),
        Key("where", Value("condition"), "which of those events count; `trigger` is the awaited event"),
        Key("when", Value("condition"), "the condition to wait for"),
        Key("at", Value("time"), "the local time of day to wait for, in the subject's zone"),
        Key("timeout", Value("duration"), "how long to wait at most"),
    ),
)

SEND = Form(
    "step",
    (
        Key("send", Value("name"), "the channel the message goes out on", required=True),
        Key("content", Value("name"), "the content to send", required=True),
        Key("purpose", Value("name"), "the consent purpose; without it the journey's"),
        Key("recipient", Value("name"), "the profile attribute that holds the address"),
        Key("expires", Value("duration"), "how long the message may still leave; 3d without it"),
        _edge("on_blocked", "where to go when a policy refuses the message, or it expires"),
        _edge("on_failure", "where to go when the provider finally fails"),
        _NEXT,
    ),
)

CALL = Form(
    "step",
    (
        Key("call", Value("name"), "the endpoint to call, bound in pilotage.yaml", required=True),
        _STEP_DATA,
        Key(
            "returns",
            Mapped(
                Form(
                    "the returned variable",
                    (
                        Key("field", Value("field"), "the field of the JSON answer", required=True),
                        Key("type", Value(choices=TYPES), "its type", required=True),
                    ),
                )
            ),
            "entry variables to fill from the answer",
        ),
        Key("timeout", Value("duration"), "how long to wait for the answer; 30s without it where an answer is awaited"),
        Key("expires", Value("duration"), "how long the call may still be made; 1d without it"),
        _edge("on_failure", "where to go when the call finally fails"),
        _edge("on_timeout", "where to go when no answer came in time"),
        _NEXT,
    ),
)

_BRANCH_EDGE = Form(
    "the branch",
    (
        Key("when", Value("condition"), "the condition under which this way is taken", required=True),
        Key("goto", Value("word"), "the step it leads to", required=True),
    ),
)
_ARM = Form(
    "the arm",
    (
        Key("share", Value("share"), "the share of subjects", required=True),
        Key("goto", Value("word"), "the step it leads to; without it the step of the arm's name"),
    ),
)

STEP = Variants(
    "step",
    (_ID, _NOTE),
    (
        SEND,
        Form(
            "step",
            (
                Key("wait", WAIT, "what to wait for", required=True),
                _edge("on_timeout", "where to go when the wait times out; without it, `next`"),
                _NEXT,
            ),
        ),
        Form("step", (Key("branch", Listing(_BRANCH_EDGE), "the ways out, tried in order; else `next`", required=True), _NEXT)),
        Form(
            "step",
            (
                Key("split", Mapped(Either(Value("share"), _ARM)), "the arms with their shares, 100 % together", required=True),
                Key("salt", Value(), "what the assignment is hashed with; journey/step without it"),
            ),
        ),
        Form(
            "step",
            (
                Key(
                    "set",
                    Form(
                        "the set",
                        (
                            Key("attributes", Mapped(Value("expression")), "profile attributes and their new values"),
                            Key("variables", Mapped(Value("expression")), "variables of this entry and their new values"),
                        ),
                    ),
                    "what to set",
                    required=True,
                ),
                _NEXT,
            ),
        ),
        Form(
            "step",
            (
                Key(
                    "emit",
                    Form("the emit", (Key("event", Value("name"), "the event type to emit", required=True), _STEP_DATA)),
                    "the event to emit about the same subject",
                    required=True,
                ),
                _NEXT,
            ),
        ),
        CALL,
        Form("step", (Key("exit", Value("text"), "the reason with which the entry ends", required=True),)),
    ),
)

JOURNEY = _head(
    "journey",
    Key("name", Value("name"), "stage.purpose.name", required=True),
    Key("purpose", Value("name"), "the consent purpose of its messages"),
    Key("stage", Value("word"), f"the lifecycle stage: {', '.join(STAGES)}"),
    Key(
        "enter",
        Form(
            "the entrance",
            (
                Key("on", Value("name"), "the event type that starts an entry"),
                Key("audience", Value("name"), "the audience: entering it starts an entry"),
                Key("where", Value("condition"), "which of those events start one; `trigger` is the event"),
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
    Key("holdout", Value("share"), "the share of subjects kept out, to measure the effect"),
    Key("steps", Listing(STEP), "what happens, in the order written", required=True),
    TESTS,
)

_REQUIRED_NAME = Key("name", Value("word"), "its name", required=True)
_CHANNELS = Key("channels", _NAMES, "only on these channels; without it on all")

POLICY = _head(
    "policy",
    Key("name", Value("name"), "the policy's name", required=True),
    Key("zone", Value(), "the IANA zone of subjects whose own is unknown"),
    Key("zone_attribute", Value("name"), "the profile attribute that holds a subject's zone; timezone without it"),
    Key(
        "purposes",
        Mapped(
            Form(
                "the purpose",
                (
                    Key("class", Value(choices=CLASSES), "the class of its messages", required=True),
                    Key("basis", Value(choices=BASES), "the legal basis (GDPR art. 6)", required=True),
                    Key("description", Value("line"), "what it covers, in words a customer understands"),
                ),
            ),
            "name",
        ),
        "why people are contacted",
    ),
    Key(
        "quiet_hours",
        Listing(
            Form(
                "the quiet hours",
                (
                    _REQUIRED_NAME,
                    Key("classes", _CLASSES, "the classes that keep quiet", required=True),
                    _CHANNELS,
                    Key("from", Value("time"), "when they begin, in the subject's zone", required=True),
                    Key("to", Value("time"), "when they end", required=True),
                ),
            ),
            empty=True,
        ),
        "daily spans in which nothing leaves",
    ),
    Key(
        "budgets",
        Listing(
            Form(
                "the budget",
                (
                    _REQUIRED_NAME,
                    Key("limit", Value("count"), "at most so many messages", required=True),
                    Key("window", Value("duration"), "in any window of this length", required=True),
                    Key("classes", _CLASSES, "only messages of these classes"),
                    _CHANNELS,
                    Key("purposes", _NAMES, "only messages of these purposes"),
                    Key("journeys", _NAMES, "only messages of these journeys"),
                ),
            ),
            empty=True,
        ),
        "how many messages a subject may get",
    ),
    Key(
        "suppress",
        Listing(
            Form(
                "the suppression",
                (
                    _REQUIRED_NAME,
                    Key("when", Value("condition"), "while it is not false, messages are blocked", required=True),
                    Key("classes", _CLASSES, "the classes it blocks", required=True),
                    Key("reason", Value(), "the reason recorded"),
                ),
            ),
            empty=True,
        ),
        "conditions under which nothing leaves",
    ),
)

AUDIENCE = _head(
    "audience",
    Key("name", Value("name"), "the audience's name", required=True),
    Key("when", Value("condition"), "who is in it: those for whom this is true"),
    Key("members", Value("name"), "only those on this static list, which `pilotage audience upload` fills"),
    Key("any", _NAMES, "only those in at least one of these audiences"),
    Key("all", _NAMES, "only those in all of these audiences"),
    Key("except", _NAMES, "none who is in one of these audiences"),
    Key("existing", Value(choices=EXISTING), "whether those who meet it when it is released are in it; include without it"),
)

PROFILE = _head(
    "profile",
    Key(
        "attributes",
        Mapped(
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
        ),
        "what is known about a subject",
        required=True,
    ),
)

CONTENT = _head(
    "content",
    Key("name", Value("name"), "the content's name", required=True),
    Key("channel", Value("name"), "the channel it is written for", required=True),
)
CONTENT = Form(CONTENT.title, CONTENT.keys, more=Value("line"))

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

FORMS: dict[str, Shape] = {
    "journey": JOURNEY,
    "audience": AUDIENCE,
    "policy": POLICY,
    "profile": PROFILE,
    "content": CONTENT,
    "template": TEMPLATE,
    "pilotage": WORKSPACE,
}
"""The form of each kind of document; `pilotage` is that of pilotage.yaml."""
