"""The form of the tests that a journey's document may carry: what is given, what happens, and what must come of it."""

from pilotage.journey.shape import Anything, Either, Form, Key, Listing, Mapped, Value

SEND_FATES = ("sent", "failed", "refused", "expired", "unknown")
"""What can become of a message that a test hands over."""
CALL_FATES = ("answered", "failed")
TASK_FATES = ("completed", "failed")
TOLD = ("opened", "reminder", "escalated")
"""What people are told about a task."""
NO_FATE = "none"
"""Nothing ever comes back: a message stays under way, a call times out, nobody does the task."""
_FATE = Value(choices=tuple(dict.fromkeys((*SEND_FATES, *CALL_FATES, *TASK_FATES, NO_FATE))))

_NAMES = Listing(Value("name"), empty=True)
_STEPS = Listing(Value("step path"), empty=True)
_AT = Key("at", Value("instant"), "when: local time in the customer's zone, or with an offset")
_AFTER_START = Key("after", Value("duration"), "how long after the start")

_SAID = (
    Key("consents", Mapped(_NAMES, "name"), "for each purpose, the channels that the customer has agreed to"),
    Key("refusals", Mapped(_NAMES, "name"), "for each purpose, the channels that the customer has refused"),
)

MEMBER = Form(
    "the member",
    (
        Key("roles", Listing(Value("word"), empty=True), "the roles that the person has in the account"),
        Key("attributes", Mapped(Anything()), "attributes of the person and their values"),
        *_SAID,
    ),
)

GIVEN = Form(
    "what is given",
    (
        Key("attributes", Mapped(Anything()), "attributes of the customer, or of the account, and their values"),
        *_SAID,
        Key("members", Mapped(MEMBER, "name"), "of a journey on accounts: who belongs to the account, those longest there first"),
        Key("zone", Value(), "the customer's own IANA zone"),
        Key(
            "arms",
            Mapped(Value("word"), "step path"),
            "for each split or decide step, the arm or action that falls to the customer",
        ),
        Key("held_out", Value("flag"), "whether the customer is in the journey's holdout; false without it"),
    ),
)

HAPPENING = Form(
    "the event",
    (
        Key("type", Value("name"), "the event's type", required=True),
        Key("data", Mapped(Anything(), "field", empty=True), "its data, as its contract wants them"),
        Key("of", Value("step anywhere"), "for an event message.*: the send step whose latest message it is about"),
        Key("by", Value("name"), "the member that it is about; without it, it is about the account itself"),
        Key("after", Value("duration"), "how long after the event before it, or after the start; at once without it"),
        _AT,
    ),
)

FATE = Form(
    "the fate",
    (
        Key("fate", _FATE, "what becomes of it", required=True),
        Key("outcome", Value("name"), "of a task that is completed: what came of it"),
        Key("person", Value(), "of a task that is completed: who did it"),
        Key("body", Mapped(Anything(), "field", empty=True), "the JSON answer to a call"),
        Key("after", Value("duration"), "how long after the step it is known; at once without it"),
        Key("reason", Value(), "the reason that is given"),
    ),
)

MESSAGE = Form(
    "the message",
    (
        Key("step", Value("step path"), "the step that sends it"),
        Key("channel", Value("name"), "its channel"),
        Key("content", Value("name"), "its content"),
        Key("recipient", Value(), "the address it goes to"),
        Key("variables", Mapped(Anything(), "field"), "what its templates read, by dotted name"),
        _AT,
        _AFTER_START,
    ),
)

MADE_CALL = Form(
    "the call",
    (
        Key("step", Value("step path"), "the step that makes it"),
        Key("endpoint", Value("name"), "the endpoint called"),
        Key("data", Mapped(Anything(), "field"), "fields of what it says"),
        _AT,
        _AFTER_START,
    ),
)

TOLD_TASK = Form(
    "the task",
    (
        Key("step", Value("step path"), "the step that gives it"),
        Key("to", Value(), "the team or person who is told"),
        Key("told", Value(choices=TOLD), "what is told: that it is there, that it waits, that it has gone over to them"),
        Key("data", Mapped(Anything(), "field"), "fields of what it says"),
        _AT,
        _AFTER_START,
    ),
)

EXPECT = Form(
    "what is expected",
    (
        Key("enters", Value("flag"), "whether the customer enters, held out or not"),
        Key("steps", _STEPS, "the steps passed, all of them and in this order"),
        Key("messages", Listing(MESSAGE, empty=True), "the messages sent, all of them and in this order; [] for none"),
        Key("calls", Listing(MADE_CALL, empty=True), "the calls made, all of them and in this order; [] for none"),
        Key("tasks", Listing(TOLD_TASK, empty=True), "what people are told of tasks, all of it and in this order; [] for nothing"),
        Key("decisions", Listing(Value()), "decisions that are made in this order, as `verb step`; others may lie between"),
        Key(
            "ends",
            Either(Value(), Form("the end", (Key("reason", Value(), "the reason with which it ends"), _AT, _AFTER_START))),
            "how the latest entry ends",
        ),
        Key("rests", Value("step path"), "the step that the entry still rests on in the end"),
        Key("attributes", Mapped(Anything()), "attributes of the customer in the end"),
    ),
)

TEST = Form(
    "the test",
    (
        Key("name", Value(), "what it shows, as a sentence", required=True),
        Key("given", GIVEN, "what is known of the customer before"),
        Key("beside", Listing(Value("name")), "journeys that run as well; without it this one runs alone"),
        Key("start", Value("instant"), "when it begins: local time in the customer's zone, or with an offset; 2026-03-02T10:00 without it"),
        Key("events", Listing(HAPPENING), "what happens, in order"),
        Key(
            "fates",
            Mapped(Either(_FATE, FATE), "step anywhere"),
            "for each send, call and task step, what becomes of what it hands over; without it sent, answered, and not done. Those of "
            "other journeys that run as well are named JOURNEY/STEP",
        ),
        Key("until", Value("duration"), "how long after the start it ends; without it when nothing is left to happen"),
        Key("expect", EXPECT, "what must come of it", required=True),
    ),
)

TESTS = Key("tests", Listing(TEST), "what must come of what happens, run by `pilotage test` and `pilotage check`; no part of any digest")
