"""docs/performance.md accounts for every row that falls short: the limit found, and what was tried."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "performance.md"
if not PAGE.exists():
    pytest.skip("the tests run without the repository around them", allow_module_level=True)
sys.path.append(str(ROOT / "bench"))
from accounts import account  # noqa: E402

TEXT = PAGE.read_text()
MEASURED, _, WRITTEN = TEXT.partition("## What falls short, and why")


def section(title):
    return MEASURED.partition(f"### {title}\n")[2].partition("\n### ")[0]


BEHIND = re.findall(r"^- (.+): [\d.]+ of \w+", section("Behind the best peer"), re.M)
MISSED = re.findall(r"^\| ([^|]+) \| [^|]+ \| [^|]+ \|", section("Goals"), re.M)[2:]
PARAGRAPHS = re.split(r"\n(?=- \*\*)", WRITTEN)


def test_the_page_has_both_lists():
    assert "goals are reached" in section("Goals") and section("Behind the best peer").strip()


@pytest.mark.parametrize("case", sorted({*BEHIND, *MISSED}))
def test_what_falls_short_has_an_account(case):
    title = account(case)
    bold = re.compile(rf"\*\*{re.escape(title)}[.*]")
    found = [p for p in PARAGRAPHS if bold.search(" ".join(p.split()))]
    assert len(found) == 1, f"{len(found)} paragraphs of {PAGE.name} account for '{case}' under **{title}**"
    assert "Tried" in found[0], f"the account **{title}** says nothing of what was tried"
