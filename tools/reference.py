"""`make reference`: write the pages of functions and of rules from the tables that the product reads."""

from pathlib import Path

from pilotage.predicate.reference import reference
from pilotage.proof.gates import ALL
from pilotage.proof.reference import overview, page

DOCS = Path(__file__).resolve().parent.parent / "docs"
RULES = DOCS / "rules"

if __name__ == "__main__":
    (DOCS / "predicate-functions.md").write_text(reference(), encoding="utf-8")
    (DOCS / "rules.md").write_text(overview(ALL), encoding="utf-8")
    RULES.mkdir(exist_ok=True)
    told = {f"{rule.id}.md": page(rule) for rule in ALL.values() if rule.why}
    for stale in {path.name for path in RULES.glob("*.md")} - set(told):
        (RULES / stale).unlink()
    for name, text in told.items():
        (RULES / name).write_text(text, encoding="utf-8")
    print(f"wrote predicate-functions.md, rules.md and {len(told)} pages of rules")
