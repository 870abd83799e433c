"""The form of a template: a journey with parameters, the contents that it sends, and the audience and catalogue that it needs."""

from pilotage.journey.shape import Form, Key, Listing, Mapped, Value

PARAMETER_TYPES = {
    "duration": "duration",
    "share": "share",
    "time": "time",
    "count": "count",
    "event": "name",
    "purpose": "name",
    "endpoint": "name",
    "journey": "name",
    "attribute": "word",
    "team": "name",
    "role": "word",
    "text": "text",
    "condition": "condition",
    "url": "text",
}
"""The types of parameters, each with the kind of value it has (see `scalars.SCALAR_KINDS`)."""

PARAMETER = Form(
    "the parameter",
    (
        Key("type", Value(choices=tuple(PARAMETER_TYPES)), "what may be set", required=True),
        Key("default", Value("setting"), "its value unless another is set", required=True),
        Key("description", Value(), "what it means, in a sentence", required=True),
    ),
)

BUTTON = Form("the button", (Key("text", Value(), "what is on it", required=True), Key("url", Value(), "where it leads", required=True)))

LETTER = Form(
    "the letter",
    (
        Key("subject", Value(), "the subject", required=True),
        Key("heading", Value(), "the heading; the subject without it"),
        Key("paragraphs", Listing(Value()), "what it says, a paragraph each", required=True),
        Key("button", BUTTON, "what to do next, and where"),
        Key("footer", Value(), "why the customer gets it", required=True),
        Key("unsubscribe", Value("flag"), "whether it offers to unsubscribe; true without it"),
    ),
)

NOTE = Form("the note", (Key("title", Value(), "its title", required=True), Key("body", Value(), "what it says", required=True)))

CONTENT_OF_TEMPLATE = Form(
    "the content",
    (
        Key("letter", LETTER, "an e-mail, made of its words: MJML and plain text"),
        Key("note", NOTE, "a message in the inbox"),
    ),
)

PLAYBOOK_KEYS = (
    Key("name", Value("name"), "the playbook's name", required=True),
    Key("guide", Value(), "when to use it, what it needs, where to begin", required=True),
    Key(
        "kpis",
        Listing(
            Form(
                "the key figure",
                (
                    Key("kpi", Value("name"), "the figure, as the goals of its journeys name it", required=True),
                    Key("meaning", Value(), "what it means", required=True),
                    Key("target", Value(), "what it should come to", required=True),
                ),
            )
        ),
        "the figures to watch",
        required=True,
    ),
    Key(
        "templates",
        Listing(
            Form(
                "the part",
                (
                    Key("template", Value("name"), "the template to begin from", required=True),
                    Key("name", Value("name"), "the journey's name; the template's without it"),
                    Key("set", Mapped(Value("setting"), "word"), "what is set for it"),
                ),
            )
        ),
        "the journeys that belong together",
        required=True,
    ),
    Key(
        "runbook",
        Listing(
            Form(
                "the rule",
                (
                    Key("when", Value(), "what happens", required=True),
                    Key("do", Value(), "what to do then", required=True),
                    Key("who", Value(), "who does it", required=True),
                ),
            )
        ),
        "what to do when something goes wrong",
        required=True,
    ),
)

TEMPLATE_KEYS = (
    Key("name", Value("name"), "stage.purpose.name", required=True),
    Key("guide", Value(), "when to use it, what it needs, what to watch", required=True),
    Key("parameters", Mapped(PARAMETER, empty=True), "what can be set, written as ${name} in the journey and the contents", required=True),
    Key("journey", Value(), "the journey's document without its head, as text", required=True),
    Key("audience", Value(), "an audience that it needs, ${slug}, without its head, as text"),
    Key("catalogue", Value(), "a catalogue that it chooses from, ${slug}, without its head, as text"),
    Key("contents", Mapped(CONTENT_OF_TEMPLATE, empty=True), "the contents it sends, as ${slug}-NAME"),
)
