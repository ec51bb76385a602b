"""Text that stays readable across a line: what lies behind it is painted over around its letters."""


def haloed(text: str) -> str:
    """Draw an SVG `<text>` twice: first its outline in the colour of the paper (class `halo`), then itself.

    `paint-order` does that with one element, but not everywhere: CairoSVG paints the outline over the letters.
    """
    if not text:
        return ""
    outline = text.replace('<text class="', '<text aria-hidden="true" class="halo ', 1)
    return outline + text
