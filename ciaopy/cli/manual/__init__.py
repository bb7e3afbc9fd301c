"""The manual: one page a tool (`docs/tools/NAME.md`), shown on a terminal, as a man page and on the site."""

from ciaopy.cli.manual.page import GROUNDS, NO_RUN, SECTIONS, Example, Page, find_page, page_folder, read_page
from ciaopy.cli.manual.reference import manual_text
from ciaopy.cli.manual.roff import pages, write_pages
from ciaopy.cli.manual.screen import Manual

__all__ = [
    "GROUNDS",
    "NO_RUN",
    "SECTIONS",
    "Example",
    "Manual",
    "Page",
    "find_page",
    "manual_text",
    "page_folder",
    "pages",
    "read_page",
    "write_pages",
]
