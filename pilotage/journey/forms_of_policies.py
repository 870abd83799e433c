"""The keys of policies and calendars: why, when, how often and on which days people may be contacted."""

from pilotage.journey.shape import Form, Key, Listing, Mapped, Value

CLASSES = ("marketing", "service", "transactional")
BASES = ("consent", "legitimate_interest", "contract", "legal_obligation", "vital_interest")

_NAMES = Listing(Value("name"))
_CLASSES = Listing(Value(choices=CLASSES))
_REQUIRED_NAME = Key("name", Value("word"), "its name", required=True)
_CHANNELS = Key("channels", _NAMES, "only on these channels; without it on all")

GATES = Form(
    "the gates",
    (
        Key("raise", Mapped(Value(choices=("error", "warning")), "text"), "rules that are taken more seriously, by id"),
        Key("links", Value(), "a file of the workspace with what a link checker found: a status and an address on each line"),
        Key(
            "limits",
            Mapped(Form("the limit", (Key("per_day", Value("integer"), "how many messages a day", required=True),)), "name"),
            "what the provider of a channel takes",
        ),
    ),
)

POLICY_KEYS = (
    Key("name", Value("name"), "the policy's name", required=True),
    Key("zone", Value(), "the IANA zone of subjects whose own is unknown"),
    Key("zone_attribute", Value("name"), "the profile attribute that holds a subject's zone; timezone without it"),
    Key("country", Value("text"), "the country of subjects whose own is unknown, for calendars"),
    Key("country_attribute", Value("name"), "the profile attribute that holds a subject's country; country without it"),
    Key("region_attribute", Value("name"), "the profile attribute that holds a subject's region, for calendars; region without it"),
    Key("languages", Listing(Value("locale")), "the languages that every content must have, by BCP 47"),
    Key("fallback", Mapped(Value("locale"), "locale"), "from a language to the one that stands in for it, such as ca: es"),
    Key("locale_attribute", Value("name"), "the profile attribute that holds a subject's language; locale without it"),
    Key("order", _CLASSES, "which class goes first of messages decided at one instant, whatever their priority"),
    Key(
        "purposes",
        Mapped(
            Form(
                "the purpose",
                (
                    Key("class", Value(choices=CLASSES), "the class of its messages", required=True),
                    Key("basis", Value(choices=BASES), "the legal basis (GDPR art. 6)", required=True),
                    Key("only", Value("condition"), "whom it may reach: nobody of whom this is not true, or not known"),
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
                    Key("brands", _NAMES, "only messages of these brands, counted together"),
                ),
            ),
            empty=True,
        ),
        "how many messages a subject may get",
    ),
    Key(
        "slots",
        Listing(
            Form(
                "the slot",
                (
                    _REQUIRED_NAME,
                    Key("length", Value("duration"), "how long a slot is", required=True),
                    Key("classes", _CLASSES, "the classes of messages that wait for slots", required=True),
                    Key("limit", Value("count"), "how many messages leave at the end of a slot; 1 without it"),
                    _CHANNELS,
                ),
            ),
            empty=True,
        ),
        "the instants at which messages are decided together, the best of them first",
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
    Key("gates", GATES, "how strictly documents are checked; no part of any plan"),
)

_COUNTRIES = Listing(Value("text"))

DAYS = Form(
    "the days",
    (
        Key("from", Value("day or instant"), "the first day, or the time at which it begins on the customer's clock", required=True),
        Key("to", Value("day or instant"), "the last day, or the time at which it ends; the same day without it"),
        Key("reason", Value(), "what is then"),
    ),
)

HORIZON = Form(
    "the horizon",
    (
        Key("from", Value("day"), "the first day that is known", required=True),
        Key("to", Value("day"), "the last day that is known", required=True),
    ),
)

CALENDAR_KEYS = (
    Key("name", Value("name"), "the calendar's name", required=True),
    Key("classes", _CLASSES, "the classes that keep quiet", required=True),
    Key("channels", _NAMES, "only on these channels; without it on all"),
    Key(
        "countries",
        _COUNTRIES,
        "only for customers in these countries (ISO 3166-1, such as DE) or regions (ISO 3166-2, such as DE-BY); without it for all",
    ),
    Key("days", Listing(DAYS), "days and spans, written out"),
    Key("holidays", _COUNTRIES, "the public holidays of these countries and regions, each for the customers in it"),
    Key("file", Value(), "an iCalendar file of the workspace, such as calendars/closed.ics"),
    Key("horizon", HORIZON, "from when to when holidays and the events of the file are worked out"),
)
