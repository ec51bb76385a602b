"""Write a tree as text again. What it writes, `parser.py` reads as the same tree, positions aside.

Raises Misuse for what the dialect cannot say.
"""

import re
from typing import Final

from finwait.errors import Misuse
from finwait.script import syntax
from finwait.script.build_calls import ESCAPES
from finwait.script.build_packets import LETTERS

SECOND: Final = 1_000_000
PLAIN: Final = frozenset(range(0x20, 0x7F)) - frozenset(b'"\\')
BARE: Final = re.compile(r"""(?s)(?:(?!//|/\*)[^\s"`]|"(?:\\.|[^"\\])*"|`(?:\\.|[^`\\])*`)+""")
"""An option's value that needs no quotes around it: see OPTION in `grammar.lark`."""
NAMED: Final = {octet.decode(): letter for letter, octet in ESCAPES.items()}
GOOGLE_LACKS: Final = "google's dialect has no {}"


def write(script: syntax.Script, dialect: syntax.Dialect = syntax.Dialect.FINWAIT) -> str:
    """Give the text of a script: options, commands and events, one a line."""
    lines = [write_option(option) for option in script.options]
    if script.init is not None:
        lines.append(f"`{script.init.command}`")
    lines += [write_event(event, dialect) for event in script.events]
    if script.cleanup is not None:
        lines.append(f"`{script.cleanup.command}`")
    return "\n".join(lines) + "\n"


def write_option(option: syntax.ScriptOption) -> str:
    """Give an option line."""
    if option.value is None:
        return f"--{option.name}"
    if BARE.fullmatch(option.value) and not option.value.startswith('"'):
        return f"--{option.name}={option.value}"
    if '"' in option.value:
        raise Misuse(f"the value of --{option.name} has a quote that no script can say")
    return f'--{option.name}="{option.value}"'


def write_event(event: syntax.Event, dialect: syntax.Dialect = syntax.Dialect.FINWAIT) -> str:
    """Give an event with its time."""
    return f"{write_time(event.time)} {write_action(event.action, dialect)}"


def write_time(time: syntax.Time) -> str:
    """Give a time in its shortest form."""
    if time.kind is syntax.TimeKind.ANY:
        return "*"
    plus = "+" if time.kind is syntax.TimeKind.RELATIVE else ""
    end = "" if time.end is None else f"~{plus}{seconds(time.end)}"
    return f"{plus}{seconds(time.start)}{end}"


def seconds(microseconds: int) -> str:
    """Give seconds exactly."""
    whole, rest = divmod(microseconds, SECOND)
    return f"{whole}.{rest:06d}".rstrip("0") if rest else str(whole)


def write_action(action: syntax.Action, dialect: syntax.Dialect = syntax.Dialect.FINWAIT) -> str:
    """Give what an event does."""
    match action:
        case syntax.Shell(command):
            return f"`{command}`"
        case syntax.Code(text):
            return f"%{{ {text} }}%"
        case syntax.Call():
            return _call(action, dialect)
    body = action.body
    parts = [action.direction.value, *map(_outer, action.outer), _ip(action.ip)]
    match body:
        case syntax.TcpBody():
            parts.append(_tcp(body, dialect))
        case syntax.UdpBody(length, ports, None):
            parts += ["udp", _ports(ports), f"({length})"]
        case syntax.UdpBody(length, ports, coverage):
            parts += ["udplite", _ports(ports), f"({length}, {coverage})"]
        case syntax.IcmpBody():
            parts.append(_icmp(body))
    return " ".join(filter(None, parts))


# --- packets ---


def _outer(header: syntax.Encapsulation) -> str:
    return " ".join(filter(None, (header.kind, _ip(header.ip), header.text, ":")))


def _ip(info: syntax.IpInfo) -> str:
    said = []
    if info.ecn is not None:
        said.append(info.ecn)
    for name, value in (("tos", info.tos), ("dscp", info.dscp), ("flowlabel", info.flow_label)):
        if value is not None:
            said.append(f"{name} {value:#x}")
    if info.ttl is not None:
        said.append(f"ttl {info.ttl}")
    return f"({', '.join(said)})" if said else ""


def _ports(ports: tuple[int, int] | None) -> str:
    return "" if ports is None else f"{ports[0]} > {ports[1]}"


def write_flags(body: syntax.TcpBody) -> str:
    """Give the flags as a script writes them: `-` for none."""
    letters = "".join(
        letter for letter, flag in LETTERS.items() if letter != "." and flag in body.flags
    )
    ace = "" if body.ace is None else str(body.ace)
    dot = "." if LETTERS["."] in body.flags else ""
    return letters + dot + ace or "-"


def write_sequence(seq: syntax.Sequence) -> str:
    """Give `start:end(length)`, `start:end(length)!` or `...(length)`."""
    if seq.unchecked:
        return f"...({seq.length})"
    end = (seq.start + seq.length) & 0xFFFF_FFFF
    return f"{seq.start}:{end}({seq.length}){'!' if seq.absolute else ''}"


def _tcp(body: syntax.TcpBody, dialect: syntax.Dialect) -> str:
    if dialect is syntax.Dialect.GOOGLE:
        _refuse_in_google(body)
    parts = []
    if body.psp_spi is not None:
        parts.append(f"encap psp spi {body.psp_spi}")
    parts += [_ports(body.ports), write_flags(body), write_sequence(body.seq)]
    for word, value in (("ack", body.ack), ("win", body.window), ("urg", body.urgent)):
        if value is not None:
            parts.append(f"{word} {value}")
    if body.options is None:
        parts.append("<...>")
    elif body.options:
        parts.append(f"<{','.join(write_tcp_option(option, dialect) for option in body.options)}>")
    if body.rst_cause is not None:
        parts.append(f"[code {body.rst_cause[0]}, pen {body.rst_cause[1] or 0}]")
    if body.udp_ports is not None:
        parts.append(f"/udp({_ports(body.udp_ports)})")
    return " ".join(filter(None, parts))


def _refuse_in_google(body: syntax.TcpBody) -> None:
    for there, what in (
        (body.seq.absolute, "numbers that are not mapped (!)"),
        (body.seq.unchecked, "sequence ...(length)"),
        (body.udp_ports is not None, "/udp(S > D)"),
        (body.rst_cause is not None, "cause of a RST"),
    ):
        if there:
            raise Misuse(GOOGLE_LACKS.format(what))


def write_tcp_option(
    option: syntax.Option, dialect: syntax.Dialect = syntax.Dialect.FINWAIT
) -> str:
    """Give one TCP option."""
    name, numbers = option.name, option.numbers
    data = None if option.data is None else option.data.hex()
    match name:
        case "TS":
            val = "..." if "val-any" in option.words else numbers[0]
            return f"TS val {val} ecr {numbers[1]}{'!' if 'ecr-absolute' in option.words else ''}"
        case "sack":
            blocks = zip(numbers[::2], numbers[1::2], strict=True)
            return " ".join(("sack", *(f"{left}:{right}" for left, right in blocks)))
        case "ECN" | "AccECN0" | "AccECN1" | "exp-AccECN0" | "exp-AccECN1":
            counters = (
                f"{word} {number}" for word, number in zip(option.words, numbers, strict=True)
            )
            return " ".join((name, *counters))
        case "raw":
            return data or ""
        case "generic":
            name = f"gen-{option.kind}"
        case "experimental":
            name = f"exp-{option.kind or 0:04x}"
        case "FOEXP" if dialect is syntax.Dialect.NPLAB:
            name = "exp-FO"
        case "md5" if "valid" in option.words:
            return "md5 valid"
    return " ".join(filter(None, (name, *map(str, numbers), data)))


def _icmp(body: syntax.IcmpBody) -> str:
    parts = ["icmp", body.type, body.code or ""]
    if body.mtu is not None:
        parts.append(f"mtu {body.mtu}")
    if body.ident is not None:
        parts.append(f"id {body.ident}")
    if body.quoted_seq is not None:
        udp = f" /udp({_ports(body.quoted_udp_ports)})" if body.quoted_udp_ports else ""
        parts.append(f"[{write_sequence(body.quoted_seq)}{udp}]")
    elif body.quoted_protocol is not None:
        coverage = "" if body.quoted_coverage is None else f", {body.quoted_coverage}"
        parts.append(f"[{body.quoted_protocol} ({body.quoted_length}{coverage})]")
    return " ".join(filter(None, parts))


# --- system calls ---


def _call(call: syntax.Call, dialect: syntax.Dialect) -> str:
    until = "" if call.until is None else f"...{seconds(call.until)} "
    arguments = ", ".join(write_expression(argument, dialect) for argument in call.arguments)
    text = f"{until}{call.name}({arguments}) = {write_expression(call.result, dialect)}"
    if call.errno is not None:
        text += f" {call.errno}"
        if not call.note and dialect is not syntax.Dialect.FINWAIT:
            return f"{text} (failed)"
    return f"{text} ({call.note})" if call.note else text


def write_expression(value: syntax.Expr, dialect: syntax.Dialect = syntax.Dialect.FINWAIT) -> str:
    """Give an argument or a result."""
    match value:
        case syntax.Omitted():
            text = "..."
        case syntax.Integer(number, written):
            text = written or str(number)
        case syntax.Symbol(name):
            text = name
        case syntax.String(octets, more):
            text = f'"{_escaped(octets, dialect)}"{"..." if more else ""}'
        case syntax.Or(parts):
            text = "|".join(write_expression(part, dialect) for part in parts)
        case syntax.Items(items):
            text = f"[{', '.join(write_expression(item, dialect) for item in items)}]"
        case syntax.Struct(fields):
            text = f"{{{', '.join(_field(field, dialect) for field in fields)}}}"
        case syntax.Function(name, argument):
            text = f"{name}({write_expression(argument, dialect)})"
    return text


def _field(field: syntax.Field, dialect: syntax.Dialect) -> str:
    value = write_expression(field.value, dialect)
    if field.name is None:
        return value
    argument = "" if field.argument is None else f"({write_expression(field.argument, dialect)})"
    return f"{field.name}{argument}={value}"


def _escaped(octets: bytes, dialect: syntax.Dialect) -> str:
    """Escape so that every dialect reads the same: google's tool has a bug in `\\\\` and `\\"`, nplab's knows no `\\xHH`."""
    if dialect is syntax.Dialect.NPLAB:
        text = octets.decode("utf-8", "surrogateescape")
        return "".join(f"\\{NAMED[ch]}" if ch in NAMED else ch for ch in text)
    return "".join(chr(octet) if octet in PLAIN else f"\\x{octet:02x}" for octet in octets)
