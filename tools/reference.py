"""`make reference`: write the page of functions from the table that the product reads."""

from pathlib import Path

from pilotage.predicate.reference import reference

PAGE = Path(__file__).resolve().parent.parent / "docs" / "predicate-functions.md"

if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
    print(f"wrote {PAGE.name}")
