"""Contents at work: languages with a chain of fallbacks, brands, and assets whose rights end."""

import msgspec
import pytest

from pilotage.channel.render import render
from pilotage.event.time import parse_instant_us
from pilotage.journey.advance import wake_at
from pilotage.journey.difference import compare_plans
from pilotage.journey.findings import Report
from pilotage.journey.languages import chain
from pilotage.journey.parse_brand import report_rights
from pilotage.journey.plan import Content, Plan
from pilotage.journey.recheck import recheck_action
from pilotage.runner.compose import Composer, contents_of
from tests.journey.sample import FILES, compiled, document_of, texts
from tests.journey.scenario import HOUR, START, Subject, compile_documents
from tests.journey.test_arbitration import sender

PROFILE = FILES["profile.yaml"] + "  locale: {type: string}\n"
WORDS = """\
schema: 1
kind: content
name: reminder
channel: email
locale: en
subject: "Your cart"
text: "You put {{ trigger.sku }} aside."
locales:
  de: {subject: "Ihr Warenkorb", text: "{{ trigger.sku }} liegt bereit."}
  de-CH: {subject: "Ihr Warenkörbli"}
"""
LANGUAGES = FILES["policies/contact.yaml"] + "languages: [en, de]\nfallback: {rm: de-CH, nl: de}\n"
BRAND = """\
schema: 1
kind: brand
name: nordic
purposes: [marketing.cart]
sender: Nordic <hello@nordic.example>
footer: Nordic, Main Street 1
tone: warm
values: {colour: "#0b5d4b"}
budgets: [{name: nordic-week, limit: 1, window: 7d, classes: [marketing]}]
"""
NORDIC = WORDS + "brand: nordic\n"
HERO = WORDS.replace("Your cart", "{{ asset.hero.alt }}")
ASSET = "schema: 1\nkind: asset\nname: hero\nurl: https://cdn.example/hero.jpg\nalt: a lamp\nrights: {until: 2026-03-31, holder: Agency}\n"


def files(**changed: str) -> dict[str, str]:
    return {
        **FILES,
        "profile.yaml": PROFILE,
        "content/reminder.yaml": WORDS,
        **{f"{key.replace('_', '/', 1)}.yaml": text for key, text in changed.items()},
    }


def plan_of(**changed: str) -> Plan:
    plan, findings = compiled(files(**changed))
    assert plan is not None, texts(findings)
    return plan


def content_of(plan: Plan) -> Content:
    return next(each for each in plan.contents if each.name == "reminder")


def found(**changed: str) -> list[str]:
    return texts(compiled(files(**changed))[1])


def test_each_customer_reads_the_nearest_language() -> None:
    """A customer's own language, then what stands in for it, then the language without its region, and at last the content's own;
    each part comes from the nearest language that has it."""
    content = content_of(plan_of(policies_contact=LANGUAGES))
    said = {
        locale: render(content, {"customer.locale": locale, "trigger.sku": "lamp"})
        for locale in ("en", "en-GB", "de", "de-AT", "de-CH", "rm", "nl-BE", "fr", None)
    }
    assert [
        "Your cart",
        "Your cart",
        "Ihr Warenkorb",
        "Ihr Warenkorb",
        "Ihr Warenkörbli",
        "Ihr Warenkörbli",
        "Ihr Warenkorb",
        "Your cart",
        "Your cart",
    ] == [each["subject"] for each in said.values()]
    assert "lamp liegt bereit." == said["rm"]["text"] == said["de-CH"]["text"]
    assert ("rm", "de-CH", "de") == chain("rm", {"rm": "de-CH"})


def test_the_customers_language_travels_with_the_message() -> None:
    """What the customer reads is decided when the message is: the language is among its variables."""
    plan = plan_of()
    assert "customer.locale" in dict(content_of(plan).variables)
    assert "customer.locale" not in dict(content_of(plan_of(content_reminder=FILES["content/reminder.yaml"])).variables)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"policies_contact": LANGUAGES.replace("[en, de]", "[en, de, fr]")}, "content/reminder.yaml:8:1: error C012 the content"),
        ({"content_reminder": WORDS.replace("locale: en\n", "")}, "content/reminder.yaml:7:1: error C012 the language of"),
        ({"profile": FILES["profile.yaml"]}, "content/reminder.yaml:8:1: error C015 the customer's"),
        (
            {"content_reminder": WORDS.replace("de-CH: {subject", "de-CH: {subjekt")},
            "content/reminder.yaml:10:11: error C001 channel 'email'",
        ),
        ({"content_reminder": WORDS.replace("sku }} liegt", "skew }} liegt")}, "content/reminder.yaml:9:44: error C003"),
        ({"policies_contact": LANGUAGES.replace("nl: de", "nl: nl")}, "policies/contact.yaml:15:23: error P004 'nl' falls back to itself"),
        (
            {"content_reminder": WORDS + "brand: nordik\n", "brands_nordic": BRAND},
            "content/reminder.yaml:11:1: error C014 unknown brand 'nordik'",
        ),
        (
            {"content_reminder": NORDIC, "brands_nordic": BRAND.replace("marketing.cart", "service.payment")},
            "journeys/cart.yaml:13:31: error C013",
        ),
        ({"brands_nordic": BRAND, "brands_south": BRAND.replace("nordic", "south")}, "brands/south.yaml:4:12: error P008 the purpose"),
        ({"brands_nordic": BRAND.replace("nordic-week", "week")}, "brands/nordic.yaml:9:18: error P003 the budget 'week'"),
        ({"assets_hero": ASSET.replace("2026-03-31,", "2026-03-31T10:00,")}, "assets/hero.yaml:6:17: error C009 rights end at an instant"),
        (
            {"content_reminder": WORDS.replace("Your cart", "{{ asset.hera.url }}"), "assets_hero": ASSET},
            "content/reminder.yaml:6:14: error C003 the template",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(changed: dict[str, str], says: str) -> None:
    """A language gap, a language nobody can be read in, and names that lead nowhere are refused with place and cure."""
    changed = {"journeys_cart": FILES["journeys/cart.yaml"], **changed}
    told = found(**changed)
    assert [text for text in told if text.startswith(says) and "; " in text], told


def test_a_brand_gives_sender_words_and_budgets() -> None:
    """A brand's e-mail comes from its sender and reads its footer and values; its budgets are those of its purposes, under those of
    the policy."""
    words = WORDS.replace("aside.", "aside. {{ brand.footer }} {{ brand.colour }}") + "brand: nordic\n"
    plan = plan_of(content_reminder=words, brands_nordic=BRAND)
    content = content_of(plan)
    assert "Nordic <hello@nordic.example>" == content.sender
    assert [("nordic-week", ("marketing.cart",)), ("week", ())] == [(each.name, each.purposes) for each in plan.policy.budgets]
    spoken = plan_of(content_reminder=words, brands_nordic=BRAND.replace("warm", "cool"))
    assert plan.digest == spoken.digest, "how a brand speaks is no part of the digest"
    assert not compare_plans(plan, plan_of(content_reminder=words, brands_nordic=BRAND.replace("Street 1", "Street 2"))).empty


def test_a_budget_above_brands_counts_them_together() -> None:
    """A policy's budget over brands is one over all their purposes."""
    group = FILES["policies/contact.yaml"].replace(
        "budgets:\n", "budgets:\n  - {name: group, brands: [nordic, south], limit: 3, window: 7d}\n"
    )
    south = BRAND.replace("marketing.cart", "service.payment").replace("nordic", "south")
    plan = plan_of(policies_contact=group, brands_nordic=BRAND, brands_south=south)
    assert ("marketing.cart", "service.payment") == next(each.purposes for each in plan.policy.budgets if each.name == "group")


def shown(until: str = "2026-03-04T12:00:00Z", expires: str = "3d") -> Subject:
    """Somebody to be sent a content that shows an asset whose rights end."""
    words = 'schema: 1\nkind: content\nname: hello\nchannel: email\nsubject: hi\ntext: "{{ asset.hero.url }}"\n'
    plan = compile_documents(
        ASSET.replace("2026-03-31", until), words, sender("a", expires=expires).replace("content: plain", "content: hello")
    )
    return Subject(plan=plan).sign_up()


def test_nothing_leaves_when_the_rights_have_ended() -> None:
    """A message that shows an asset expires with its rights at the latest, and one that comes up afterwards is blocked and says so."""
    end_us = parse_instant_us("2026-03-04T12:00:00Z")
    subject = shown().event("cart.added", product="a", price=1)
    (action,) = subject.actions
    assert (end_us, "https://cdn.example/hero.jpg") == (action.expires_us, action.variables["asset.hero.url"])
    late = shown()
    late.now = end_us - 1
    assert "sent tell" in late.event("cart.added", product="a", price=1).verbs
    gone = shown()
    gone.now = end_us
    blocked = gone.event("cart.added", product="a", price=1).last("blocked")
    assert ("asset:hero", "the rights of hero have ended") == (blocked.rule, blocked.reason)


def test_what_waits_beyond_the_rights_is_blocked() -> None:
    """A message that the night holds back until after the end of the rights does not leave."""
    subject = shown("2026-03-03T02:00:00Z")
    subject.event("cart.added", after=10 * HOUR, product="a", price=1)  # 22:00, quiet until 08:00
    assert "quiet hours night, beyond its expiry" == subject.last("blocked").reason
    assert (0, []) == (wake_at(subject.state), subject.actions)


def test_a_last_day_ends_where_it_ends_first() -> None:
    """Rights until a day end with that day in the zone that is furthest ahead."""
    plan = plan_of(content_reminder=HERO, assets_hero=ASSET)
    assert (("hero", parse_instant_us("2026-03-31T10:00:00Z")),) == content_of(plan).rights


def test_the_end_of_rights_is_told_before_and_refused_after() -> None:
    """Thirty days before the end there is a warning that names who shows the asset, and an error afterwards; an asset that nobody shows
    does not keep a plan from being made."""
    asset, words = (
        document_of(ASSET, "assets/hero.yaml"),
        document_of(HERO, "content/reminder.yaml"),
    )

    def told(at: str, *contents: object) -> list[str]:
        report = Report()
        report_rights([asset, *contents], parse_instant_us(at), report)  # type: ignore[list-item]
        return texts(report.findings)

    assert [] == told("2026-02-01T00:00:00Z", words)
    assert "C011 the rights of 'hero' end at 2026-03-31 10:00 UTC; it is shown by reminder" in told("2026-03-05T00:00:00Z", words)[0]
    assert "assets/hero.yaml:6:10: error C010 the rights of 'hero' ended" in told("2026-04-01T00:00:00Z", words)[0]
    assert "warning C011" in told("2026-04-01T00:00:00Z")[0]


def test_contents_without_these_are_stored_as_ever() -> None:
    """Nothing of languages, brands and rights is stored where a content has none."""
    content = content_of(plan_of(content_reminder=FILES["content/reminder.yaml"]))
    assert {"name", "channel", "templates", "variables"} == set(msgspec.to_builtins(content))


def test_the_sender_reaches_the_channel() -> None:
    """A message of a brand's content names whom it comes from."""
    words = "schema: 1\nkind: content\nname: hello\nchannel: email\nbrand: nordic\nsubject: hi\ntext: there\n"
    plan = compile_documents(BRAND, words, sender("a").replace("content: plain", "content: hello"))
    subject = Subject(plan=plan).sign_up().event("cart.added", product="a", price=1)
    contents = contents_of(plan)
    message = Composer(contents.get, lambda purpose: "marketing").message(subject.actions[0], 1, START)
    assert "Nordic <hello@nordic.example>" == message.sender
    assert "Allowed" == type(recheck_action(subject.program, subject.state, subject.actions[0], subject.now)).__name__
