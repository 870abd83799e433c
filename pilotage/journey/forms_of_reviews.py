"""The forms of the review policy and of waivers: what changes must come through before they may run."""

from pilotage.journey.shape import Form, Key, Listing, Mapped, Value

FACTS = {
    "wording": "only the words of messages, or the rules for them, change",
    "logic": "what a journey does changes",
    "new_journey": "a journey is new",
    "policy": "contact policies change, which hold for every journey",
    "service": "it sends service or transactional messages",
    "marketing": "it sends marketing messages",
    "channels": "it sends on more than one channel",
    "many": "it reaches many people at once",
    "ai": "a score or chance decides",
    "regulated": "its purpose is regulated",
    "waiver": "a finding is waived",
    "proof_absent": "nothing was proved about it",
    "proof_proved": "its conflicts were proved not to exist",
    "proof_unknown": "the prover found no answer",
    "proof_witness": "the prover found somebody it goes wrong for",
}
"""The facts about a change that carry risk, and what each says."""

_APPROVALS = Mapped(Value("integer"), empty=True)
_TIER = Form(
    "the tier",
    (
        Key("name", Value("word"), "the tier's name", required=True),
        Key("from", Value("integer"), "from how many points on a change is in it; 0 for the first", required=True),
        Key("approvals", _APPROVALS, "how many of each role must approve, such as {reviewer: 1, council: 2}", required=True),
        Key("within", Value("duration"), "how long approvals may take until they are overdue", required=True),
        Key("automatic", Value("flag"), "whether nobody need approve; only with no approvals"),
    ),
)
_EMERGENCY = Form(
    "the emergency",
    (
        Key("role", Value("word"), "the role that may release in an emergency", required=True),
        Key("approvals", _APPROVALS, "how many of each role must approve even then", required=True),
        Key("review_within", Value("duration"), "within what time a review is owed", required=True),
    ),
)

REVIEW_POLICY_KEYS = (
    Key("name", Value("name"), "the policy's name", required=True),
    Key("points", Mapped(Value("integer"), empty=True), f"the points of facts that carry risk: {', '.join(FACTS)}"),
    Key("regulated", Listing(Value("name"), empty=True), "purposes that are regulated, or what they begin with, up to a dot"),
    Key("many", Value("count"), "from how many people under way on a change reaches many; 10000 without it"),
    Key("tiers", Listing(_TIER), "the tiers, by points", required=True),
    Key("block", Listing(Value("word"), empty=True), "the rules whose warnings block a proposal as errors do"),
    Key("emergency", _EMERGENCY, "who may release in an emergency; nobody without it"),
    Key("rollback", Value("word"), "the role that may release an earlier release again; without it that takes a proposal"),
)

_WAIVER = Form(
    "the waiver",
    (
        Key("rule", Value("word"), "the rule whose findings are waived, such as J021", required=True),
        Key("document", Value(), "the path of the document they are in; * stands for anything, so alone for all", required=True),
        Key("owner", Value("name"), "the person who answers for it", required=True),
        Key("reason", Value(), "why", required=True),
        Key("until", Value("day or instant"), "its last day, or the instant it ends, in UTC", required=True),
    ),
)

WAIVERS_KEYS = (Key("waivers", Listing(_WAIVER, empty=True), "the findings that are waived", required=True),)
