"""How wide text is in a terminal, and how to fill lines with it, Chinese included."""

from unicodedata import combining, east_asian_width

NO_START = "，。、；：！？）》”’」』】〉,.;:!?)]}%"
"""Signs that do not begin a line."""
NO_END = "（《“‘「『【〈([{"
"""Signs that do not end a line."""


def width(text: str) -> int:
    """Count the columns of a text: wide characters take two, combining ones none (UAX #11)."""
    if text.isascii():
        return len(text)
    return sum(_columns(ch) for ch in text)


def _columns(ch: str) -> int:
    if combining(ch):
        return 0
    return 2 if east_asian_width(ch) in "WF" else 1


def left(text: str, columns: int) -> str:
    """Fill with spaces on the right."""
    if text.isascii():
        return text.ljust(columns)
    return text + " " * (columns - width(text))


def right(text: str, columns: int) -> str:
    """Fill with spaces on the left."""
    if text.isascii():
        return text.rjust(columns)
    return " " * (columns - width(text)) + text


def cut(text: str, columns: int) -> str:
    """Shorten to at most so many columns, with an ellipsis where something was cut."""
    if width(text) <= columns:
        return text
    kept, used = "", 0
    for ch in text:
        used += _columns(ch)
        if used > columns - 1:
            break
        kept += ch
    return kept + "…" if columns > 0 else ""


def wrap(text: str, columns: int) -> list[str]:
    """Break into lines of at most so many columns (2 or more).

    Lines break between words and between Chinese characters; what is longer than a line, anywhere.
    """
    lines: list[str] = []
    line, used = "", 0
    for whole in _pieces(text):
        for piece in _chunks(whole, columns):
            wide = width(piece)
            if line and used + width(piece.rstrip()) > columns:
                lines.append(line.rstrip())
                line, used = "", 0
                piece = piece.lstrip()  # noqa: PLW2901  # a line does not begin with a space
                wide = width(piece)
            line, used = line + piece, used + wide
    if line.strip() or not lines:
        lines.append(line.rstrip())
    return lines


def hang(head: str, text: str, columns: int) -> list[str]:
    """Put a text behind a head, and its further lines below its first one; it gets 20 columns at least."""
    room = width(head)
    first, *rest = wrap(text, max(20, columns - room))
    return [head + first, *(" " * room + line for line in rest)]


def _chunks(piece: str, columns: int) -> list[str]:
    """Cut a piece that no line can hold, after a hyphen if it has one."""
    if width(piece.rstrip()) <= columns:
        return [piece]
    chunks, used = [""], 0
    for ch in piece:
        wide = _columns(ch)
        if used + wide > columns:
            kept, hyphen, rest = chunks[-1].rpartition("-")
            if kept and hyphen:
                chunks[-1:] = [kept + hyphen, rest]
            else:
                chunks.append("")
            used = width(chunks[-1])
        chunks[-1] += ch
        used += wide
    return chunks


def _pieces(text: str) -> list[str]:
    """Cut where a line may break: after spaces, and around wide characters."""
    pieces: list[str] = []
    current = ""
    for ch in text:
        wide = _columns(ch) == 2
        breakable = current and (
            (current[-1] == " " and ch != " ")
            or ((wide or _columns(current[-1]) == 2) and ch != " " and ch not in NO_START)
        )
        if breakable and current[-1] not in NO_END:
            pieces.append(current)
            current = ch
        else:
            current += ch
    if current:
        pieces.append(current)
    return pieces
