"""The form of people.yaml: who answers for what runs, in which roles and teams, and with which public key."""

from pilotage.journey.shape import Form, Key, Listing, Mapped, Value

ROLES = ("owner", "reviewer", "council", "privacy", "operator", "auditor")
"""What a person may be: an owner answers for journeys, a reviewer approves them, the council decides above a tier of risk, a
privacy officer watches over consent, an operator runs the system, an auditor reads everything."""

PERSON = Form(
    "the person",
    (
        Key("id", Value("name"), "the person's id, which never changes", required=True),
        Key("name", Value("text"), "the person's name", required=True),
        Key("email", Value("text"), "where the person is written to"),
        Key("roles", Listing(Value(choices=ROLES), empty=True), "what the person may be: any of the roles"),
        Key("teams", Listing(Value("name"), empty=True), "the teams the person belongs to"),
        Key("public_key", Value("text"), "the Ed25519 key the person signs with, as 'pilotage person add' wrote it"),
        Key("left", Value("day"), "the day the person left; from then on they answer for nothing"),
    ),
)

PEOPLE_KEYS = (
    Key("teams", Mapped(Value("line"), "name", empty=True), "the teams, each with a line on what it does"),
    Key("people", Listing(PERSON), "the people", required=True),
)
