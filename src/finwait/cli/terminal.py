"""What shows the page: how wide it is, and whether it has colours and lines."""

import os
import shutil
import sys
from typing import TextIO

from finwait.picture.ladder_text import Style


def terminal(plain: int = 100, page: TextIO | None = None) -> Style:
    """Look at standard output, or at `page`. Colours only on a terminal that has them and nobody forbids (https://no-color.org).

    `plain`: columns of a page that no terminal shows.
    """
    page = page or sys.stdout
    shows = page.isatty() and os.environ.get("TERM") != "dumb"
    if shows and page is not sys.stdout:
        plain = os.get_terminal_size(page.fileno()).columns
    columns = shutil.get_terminal_size((plain, 24)).columns
    return Style(columns, shows and not os.environ.get("NO_COLOR"), _shows_unicode(page))


def _shows_unicode(page: TextIO) -> bool:
    try:
        "─▶│┊━".encode(page.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
