"""Colours and type of the SVG ladder, light and dark."""

from typing import Final

STATES: Final = {
    "SYN-SENT": "opening",
    "SYN-RECEIVED": "opening",
    "ESTABLISHED": "open",
    "FIN-WAIT-1": "first",
    "FIN-WAIT-2": "first",
    "CLOSE-WAIT": "second",
    "LAST-ACK": "second",
    "CLOSING": "crossed",
    "TIME-WAIT": "waiting",
}
"""What a state belongs to; the others are "other". The closing ones have the colours of the state diagram."""

STATE_COLOURS: Final[dict[str, tuple[str, str]]] = {
    "opening": ("#64748b", "#94a3b8"),
    "open": ("#4d7c0f", "#a3d65c"),
    "first": ("#1d5fc4", "#6aa9ff"),
    "second": ("#0f7b5f", "#3fcf9f"),
    "crossed": ("#c2410c", "#ff9d5c"),
    "waiting": ("#8b2fb3", "#d292f2"),
    "other": ("#94a3b8", "#64748b"),
}
KINDS: Final[dict[str, tuple[str, str]]] = {
    "syn": ("#15803d", "#4ade80"),
    "fin": ("#b45309", "#fbbf24"),
    "rst": ("#c81e1e", "#ff6b6b"),
    "data": ("#0e6ba8", "#5cc3f5"),
    "ack": ("#7b8794", "#8795a6"),
    "probe": ("#7c3aed", "#b79bff"),
}
"""Arrows, light and dark."""

FONT: Final = (
    'Inter, "Segoe UI", Roboto, "Noto Sans", "Noto Sans CJK SC", "PingFang SC",'
    ' "Microsoft YaHei", "DejaVu Sans", sans-serif'
)
MONO_FONT: Final = '"JetBrains Mono", "Cascadia Mono", "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", "Noto Sans Mono CJK SC", monospace'

BASE: Final = f"""
text {{ font-family: {FONT}; font-size: 13px; }}
.title {{ font-size: 18px; font-weight: 700; }}
.role {{ font-size: 12.5px; letter-spacing: .6px; }}
.address, .numbers, .frame, .time, .state {{ font-family: {MONO_FONT}; }}
.address {{ font-size: 13px; font-weight: 700; }}
.numbers {{ font-size: 13px; }}
.flags {{ font-weight: 700; }}
.frame {{ font-size: 12px; font-weight: 700; }}
.time {{ font-size: 12px; }}
.state {{ font-size: 12.5px; font-weight: 700; }}
.label {{ font-size: 12.5px; font-style: italic; }}
.footer {{ font-size: 11px; letter-spacing: 1px; }}
.fold, .pause {{ font-size: 12.5px; }}
.halo {{ stroke-width: 4px; stroke-linejoin: round; }}
.life {{ stroke-width: 2; stroke-dasharray: 2 4; }}
.break {{ fill: none; stroke-width: 2; }}
.arrow line {{ stroke-width: 2; }}
.arrow.ack line {{ stroke-width: 1.5; }}
.arrow.fin line, .arrow.rst line {{ stroke-width: 2.6; }}
.arrow.probe line, .arrow.faint line {{ stroke-dasharray: 6 4; }}
.arrow.faint {{ opacity: .5; }}
.cross {{ fill: none; stroke-width: 2.6; stroke-linecap: round; }}
.pill {{ stroke-width: 1; }}
"""


def stylesheet(theme: str) -> str:
    """Write the style of one theme; "auto" is light unless the reader asks for dark."""
    if theme != "auto":
        return BASE + _colours(dark=theme == "dark")
    dark = _colours(dark=True)
    return f"{BASE}{_colours(dark=False)}@media (prefers-color-scheme: dark) {{\n{dark}}}\n"


def _colours(*, dark: bool) -> str:
    paper, ink, quiet, soft = (
        ("#12161c", "#e6e9ee", "#8d99a8", "#1f2731")
        if dark
        else ("#ffffff", "#1f2937", "#6b7684", "#f3f5f8")
    )
    edge = "#3b4654" if dark else "#cbd3dd"
    rules = [
        f"text {{ fill: {ink}; }}",
        f".paper {{ fill: {paper}; }}",
        f".head {{ fill: {soft}; stroke: {edge}; }}",
        f".role, .time, .frame, .footer, .fold, .pause {{ fill: {quiet}; }}",
        f".halo {{ stroke: {paper}; }}",
        f".life, .break {{ stroke: {edge}; }}",
        f".break {{ stroke: {quiet}; }}",
    ]
    for name, pair in KINDS.items():
        colour = pair[dark]
        rules.append(f".{name} line, .{name} .cross {{ stroke: {colour}; }}")
        rules.append(f".{name} .tip {{ fill: {colour}; }}")
        if name != "ack":
            rules.append(f".{name} .flags {{ fill: {colour}; }}")
    rules.append(f".label {{ fill: {quiet}; }}")
    rules.append(f".label.rst {{ fill: {KINDS['rst'][dark]}; }}")
    for name, pair in STATE_COLOURS.items():
        colour = pair[dark]
        rules.append(f".bar.{name} {{ fill: {colour}; }}")
        rules.append(
            f".pill.{name} {{ fill: {colour}; fill-opacity: .13; stroke: {colour}; stroke-opacity: .45; }}"
        )
        rules.append(f".state.{name} {{ fill: {colour}; }}")
    return "\n".join(rules) + "\n"
