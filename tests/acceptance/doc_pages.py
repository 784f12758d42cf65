"""The pages of the documentation as values: fenced blocks, links and headings.

Reads Markdown as these pages use it, and refuses what they do not: a block without a
language, a block in a language that nobody would check.
"""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "examples" / "README.md",
)
LANGUAGES = ("console", "sh", "toml", "python", "json", "ini", "text")

_FENCE = re.compile(
    r"(?:^<!-- not run: (?P<reason>[^>]+?) -->\n)?"
    r"^(?P<fence>```+)(?P<language>[a-z]*)\n(?P<text>.*?)^(?P=fence)$",
    re.MULTILINE | re.DOTALL,
)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block."""

    page: Path
    line: int  #: of its fence, from 1
    language: str
    text: str
    reason: str | None  #: why it is not run; None if it is

    @property
    def where(self) -> str:
        """Return "docs/tutorial/first-project.md:12"."""
        return f"{name_of(self.page)}:{self.line}"

    @property
    def file(self) -> str | None:
        """Return the file that its first line names, "# statistics/x.py"; or None."""
        match = re.match(r"# ([\w./-]+\.(?:toml|py))\n", self.text)
        return match[1] if match else None


def name_of(page: Path) -> str:
    """Return a page's path within the repository."""
    return page.relative_to(ROOT).as_posix()


def blocks_of(page: Path) -> list[Block]:
    """Return a page's fenced blocks, in order."""
    text = page.read_text("utf-8")
    return [
        Block(
            page=page,
            line=text.count("\n", 0, match.start("fence")) + 1,
            language=match["language"],
            text=match["text"],
            reason=match["reason"],
        )
        for match in _FENCE.finditer(text)
    ]


def links_of(page: Path) -> list[str]:
    """Return the targets of a page's links, those in blocks left out."""
    return _LINK.findall(_prose(page))


def anchors_of(page: Path) -> set[str]:
    """Return what a link may name after "#", as GitHub makes it of headings."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in _HEADING.findall(_prose(page))
    }


def _prose(page: Path) -> str:
    return _FENCE.sub("", page.read_text("utf-8"))
