"""What shows the page: how wide it is, and whether it has colours and lines."""

import os
import shutil
import sys

from finwait.picture.ladder_text import Style


def terminal(plain: int = 100) -> Style:
    """Look at standard output. Colours only on a terminal that has them and nobody forbids (https://no-color.org).

    `plain`: columns of a page that no terminal shows.
    """
    shows = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    columns = shutil.get_terminal_size((plain, 24)).columns
    return Style(columns, shows and not os.environ.get("NO_COLOR"), _shows_unicode())


def _shows_unicode() -> bool:
    try:
        "─▶│┊━".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
