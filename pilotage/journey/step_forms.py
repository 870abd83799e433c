"""The forms of steps: which keys each kind has, what their values look like and what they mean.

A step is told by its first key. What a whole document looks like is in `forms`.
"""

from pilotage.journey.shape import Either, Form, Key, Later, Listing, Mapped, Value, Variants

TYPES = ("string", "integer", "number", "boolean", "date", "timestamp")

DECIDE_BY = ("first", "score", "weights")

_DATA = Mapped(Value("expression"), "field")

_ID = Key("id", Value("word"), "the step's name: unique in the journey and stable, since state and metrics hang on it", required=True)
_NEXT = Key("next", Value("step"), "the step that follows; without it the one written next; `end` ends the journey")
_NOTE = Key("note", Value("line"), "a remark for readers; no part of any digest")
_STEP_DATA = Key("data", _DATA, "a value for each field")


def _edge(name: str, meaning: str) -> Key:
    return Key(name, Value("step"), meaning)


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
        Key(
            "to",
            Form("the receiver", (Key("role", Value("word"), "the role of the person at the account", required=True),)),
            "whom a journey on accounts sends it to: somebody at the account, by role",
        ),
        Key("expires", Value("duration"), "how long the message may still leave; 3d without it"),
        Key("priority", Value("expression"), "which of several messages goes first, the highest; 0 without it"),
        Key(
            "instead",
            Listing(
                Form(
                    "the substitute",
                    (
                        Key("send", Value("name"), "the channel to send on instead", required=True),
                        Key("content", Value("name"), "the content to send there", required=True),
                        Key("recipient", Value("name"), "the profile attribute that holds the address there"),
                    ),
                )
            ),
            "what is sent instead, the first that may leave, when the message is blocked or loses its slot",
        ),
        _edge("on_lost", "where to go when others take the contact slot; without it the message waits for the next"),
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

COUPON = Form(
    "step",
    (
        Key("coupon", Value("name"), "the coupon pool to take a code of", required=True),
        Key("as", Value("word"), "the entry variable that holds it; coupon without it"),
        Key("timeout", Value("duration"), "how long to wait for it; 1d without it"),
        _edge("on_failure", "where to go when no code is left"),
        _edge("on_timeout", "where to go when none came in time"),
        _NEXT,
    ),
)

_BRANCH_EDGE = Form(
    "the branch",
    (
        Key("when", Value("condition"), "the condition under which this way is taken", required=True),
        Key("goto", Value("step"), "the step it leads to", required=True),
    ),
)
_ARM = Form(
    "the arm",
    (
        Key("share", Value("share"), "the share of subjects", required=True),
        Key("goto", Value("step"), "the step it leads to; without it the step of the arm's name"),
    ),
)

FRAGMENT = Form(
    "step",
    (
        Key("fragment", Value("name"), "the fragment whose steps stand here", required=True),
        Key("version", Value(), "its version, or `sha256:` and at least 12 digits of its document's digest", required=True),
        Key("with", Mapped(Value("setting"), "parameter", empty=True), "what its parameters are"),
        _NEXT,
    ),
)

ENTER = Form(
    "step",
    (
        Key("journey", Value("name"), "the journey to enter", required=True),
        Key("data", _DATA, "what stands for its trigger: a value for each field"),
        Key("timeout", Value("duration"), "how long to wait for its end; without it, the entry goes on at once"),
        Key("outcomes", Mapped(Value("step"), "text"), "where to go, by the reason with which it ends; else `next`"),
        _edge("on_failure", "where to go when it cannot be entered"),
        _edge("on_timeout", "where to go when it has not ended in time; without it, `next`"),
        _NEXT,
    ),
)

_TASK = (
    Key("team", Value("name"), "the team one of whose people does it"),
    Key("person", Value(), "the person who does it, in a team's place"),
    Key("data", _DATA, "what they need to know: a value for each name"),
    Key("sla", Value("duration"), "how soon it is to be done", required=True),
    Key("remind", Listing(Value("duration")), "after how long they are reminded, as a list"),
    Key("escalate", Value("name"), "the team it goes over to when it is not done by then"),
    Key("timeout", Value("duration"), "when it is withdrawn; without it, when it should have been done"),
    _edge("on_failure", "where to go when they cannot be told"),
)

TASK = Form(
    "step",
    (
        Key("task", Value(), "what is to be done, in a few words", required=True),
        Key("outcomes", Mapped(Value("step")), "what may come of it, and the step each leads to", required=True),
        _edge("on_timeout", "where to go when it is withdrawn"),
        *_TASK,
    ),
)

APPROVE = Form(
    "step",
    (
        Key("approve", Value(), "what is to be approved, in a few words", required=True),
        Key("on_reject", Value("step"), "where to go when it is rejected", required=True),
        _edge("on_timeout", "where to go when nobody decides; as rejected without it"),
        *_TASK,
        _NEXT,
    ),
)

DECIDE = Form(
    "step",
    (
        Key("decide", Value("name"), "the catalogue to choose from", required=True),
        Key("actions", Mapped(Value("step")), "the actions that are meant, and the step each leads to", required=True),
        Key("by", Value(choices=DECIDE_BY), "what is chosen by; first without it: the first that is open"),
        Key("explore", Value("share"), "the share of decisions that take any action that is open"),
        Key("salt", Value(), "what chance is hashed with; journey/step without it"),
        _NEXT,
    ),
)

REPEAT = Form(
    "step",
    (
        Key(
            "repeat",
            Form(
                "the repeat",
                (
                    Key("times", Value("count"), "how many rounds there are at most", required=True),
                    Key("until", Value("condition"), "no round begins once this is true"),
                    Key("steps", Listing(Later("step", lambda: STEP)), "the steps of a round", required=True),
                ),
            ),
            "the steps to go through several times",
            required=True,
        ),
        _NEXT,
    ),
)

STEP: Variants = Variants(
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
        COUPON,
        ENTER,
        TASK,
        APPROVE,
        DECIDE,
        FRAGMENT,
        REPEAT,
        Form("step", (Key("exit", Value("text"), "the reason with which the entry ends", required=True),)),
    ),
)
