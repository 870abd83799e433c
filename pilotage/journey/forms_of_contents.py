"""The keys of contents and of what they are made with: locales, assets and brands."""

from pilotage.journey.shape import Form, Key, Listing, Mapped, Value

CONTENT_KEYS = (
    Key("name", Value("name"), "the content's name", required=True),
    Key("channel", Value("name"), "the channel it is written for", required=True),
    Key("brand", Value("name"), "the brand it is written for; templates read brand.…"),
    Key("locale", Value("locale"), "the language of the parts written here, such as en; for customers whose own is not among `locales`"),
    Key(
        "locales",
        Mapped(Form("the locale", (), more=Value("line")), "locale"),
        "the parts in other languages, by BCP 47, such as de; what one leaves out is taken from the language it falls back to",
    ),
    Key("claims", Listing(Value("word")), "what it says or offers, in words of your own, such as discount-10"),
    Key("excludes", Listing(Value("word")), "claims of other contents that must not be made to the same customer"),
)

ASSET_KEYS = (
    Key("name", Value("word"), "the asset's name", required=True),
    Key("url", Value(), "where it lies; templates read asset.NAME.url", required=True),
    Key("alt", Value("line"), "what it shows, in words; templates read asset.NAME.alt"),
    Key(
        "rights",
        Form(
            "the rights",
            (
                Key(
                    "until",
                    Value("day or instant"),
                    "the last day, or the instant from which it may not be used",
                    required=True,
                ),
                Key("holder", Value(), "whose they are"),
                Key("note", Value("line"), "what was agreed"),
            ),
        ),
        "until when it may be used; for ever without it",
    ),
)

COUPONS_KEYS = (
    Key("name", Value("name"), "the pool's name", required=True),
    Key("file", Value(), "a file of the workspace with a code on each line, such as coupons/spring.txt", required=True),
    Key("alarm", Value("count"), "how many codes must be left; below it the pool is low; 100 without it"),
)

SEEDS_KEYS = (
    Key("name", Value("name"), "the list's name", required=True),
    Key(
        "recipients",
        Listing(
            Form(
                "the seed",
                (
                    Key("address", Value(), "where proofs go", required=True),
                    Key("locales", Listing(Value("locale")), "only proofs in these languages; without it all"),
                ),
            )
        ),
        "who gets proofs",
        required=True,
    ),
)

BRAND_KEYS = (
    Key("name", Value("name"), "the brand's name", required=True),
    Key("purposes", Listing(Value("name")), "the purposes that are its own: consent is given to them", required=True),
    Key("sender", Value(), "who its e-mails come from, an address or `Name <address>`"),
    Key("footer", Value("line"), "what stands at the end of its messages; templates read brand.footer"),
    Key("tone", Value("line"), "how it speaks, for those who write; no part of any digest"),
    Key(
        "terms",
        Form(
            "the terms",
            (
                Key("forbidden", Mapped(Value("line"), "text"), "words that it does not use, each with the reason"),
                Key("required", Listing(Value()), "words that each of its e-mails must say"),
            ),
        ),
        "its words; no part of any digest",
    ),
    Key("values", Mapped(Value("line")), "what else templates read as brand.…, such as colours and addresses"),
    Key(
        "budgets",
        Listing(
            Form(
                "the budget",
                (
                    Key("name", Value("word"), "its name", required=True),
                    Key("limit", Value("count"), "at most so many of the brand's messages", required=True),
                    Key("window", Value("duration"), "in any window of this length", required=True),
                    Key("classes", Listing(Value(choices=("marketing", "service", "transactional"))), "only messages of these classes"),
                    Key("channels", Listing(Value("name")), "only on these channels; without it on all"),
                ),
            )
        ),
        "how many of its messages a customer may get; a policy's budgets hold above them",
    ),
)
