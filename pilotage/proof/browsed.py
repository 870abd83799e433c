"""The rule of what axe-core finds in a browser, and which of its rules ours are the like of."""

from pilotage.journey.findings import Severity
from pilotage.proof.rule import Rule

BROWSED = Rule(
    "H900",
    "axe-core finds a violation in a browser",
    Severity.WARNING,
    "Our own rules look at what can be told from the markup. axe-core looks at the page as a browser lays it out, by more rules and after "
    "years of use. What it finds and we do not is one of three: a rule that we lack, something that only a browser can see, or a "
    "fault of ours that we would like to hear of.",
    "see what axe-core says about its rule, whose name stands in the finding",
    standard="WCAG 2.2, A and AA",
)

LIKE = {
    "H001": ("image-alt", "area-alt", "input-image-alt"),
    "H002": ("html-has-lang", "html-lang-valid"),
    "H003": ("valid-lang",),
    "H005": ("color-contrast",),
    "H006": ("heading-order",),
    "H007": ("empty-heading",),
    "H010": ("link-name",),
    "H012": ("meta-viewport",),
    "H014": ("document-title",),
    "H015": ("list", "listitem"),
    "H016": ("marquee", "blink"),
}
"""Our rules that find what rules of axe-core find. H004, H008, H009, H011 and H013 have no like there: whether an alternative or a name
tells anything, what a table is for, and how small is too small are judged by nobody but us."""
