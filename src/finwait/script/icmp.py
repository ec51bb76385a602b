"""The names that scripts give to ICMP's types and codes. Numbers: IANA's registries, from the RFCs named."""

import re
from typing import Final, NamedTuple


class IcmpType(NamedTuple):
    """A type: its number, and its codes by name."""

    number: int
    codes: dict[str, int]


UNREACHABLE_V4: Final = {
    "net_unreachable": 0,
    "host_unreachable": 1,
    "protocol_unreachable": 2,
    "port_unreachable": 3,
    "frag_needed": 4,
    "source_route_failed": 5,
    "net_unknown": 6,
    "host_unknown": 7,
    "source_host_isolated": 8,
    "net_prohibited": 9,
    "host_prohibited": 10,
    "net_unreachable_for_tos": 11,
    "host_unreachable_for_tos": 12,
    "packet_filtered": 13,
    "precedence_violation": 14,
    "precedence_cutoff": 15,
}
"""RFC 792, RFC 1122 section 3.2.2.1, RFC 1812 section 5.2.7.1."""

V4: Final = {
    "echo_reply": IcmpType(0, {}),
    "unreachable": IcmpType(3, UNREACHABLE_V4),
    "source_quench": IcmpType(4, {}),
    "redirect": IcmpType(5, {}),
    "echo_request": IcmpType(8, {}),
    "time_exceeded": IcmpType(11, {"ttl_exceeded_in_transit": 0, "frag_reass_exceeded": 1}),
    "parameter_problem": IcmpType(12, {}),
    "timestamp_request": IcmpType(13, {}),
    "timestamp_reply": IcmpType(14, {}),
    "information_request": IcmpType(15, {}),
    "information_reply": IcmpType(16, {}),
    "address_mask_request": IcmpType(17, {}),
    "address_mask_reply": IcmpType(18, {}),
}
"""RFC 792; RFC 950 for the address masks."""

V6: Final = {
    "unreachable": IcmpType(
        1,
        {
            "no_route": 0,
            "net_unreachable": 0,
            "admin_prohibited": 1,
            "not_neighbour": 2,
            "address_unreachable": 3,
            "port_unreachable": 4,
        },
    ),
    "packet_too_big": IcmpType(2, {}),
    "time_exceeded": IcmpType(3, {"exceeded_hop_limit": 0, "exceeded_frag_time": 1}),
    "parameter_problem": IcmpType(
        4, {"header_field": 0, "unknown_next_header": 1, "unknown_option": 2}
    ),
    "echo_request": IcmpType(128, {}),
    "echo_reply": IcmpType(129, {}),
    "router_advertisement": IcmpType(134, {}),
}
"""RFC 4443, RFC 4861. `net_unreachable` is what google's tool calls code 0 too."""

NUMBERED_TYPE: Final = re.compile(r"type_([0-9]{1,3})")
NUMBERED_CODE: Final = re.compile(r"code_([0-9]{1,3})")
OCTET: Final = 255


def type_number(name: str, version: int) -> int | None:
    """Give the number of a type by its name or `type_N`; None if IP `version` (4 or 6) has none such."""
    if match := NUMBERED_TYPE.fullmatch(name):
        return int(match[1]) if int(match[1]) <= OCTET else None
    found = (V4 if version == 4 else V6).get(name)
    return None if found is None else found.number


def code_number(type_name: str, name: str | None, version: int) -> int | None:
    """Give the number of a code by its name or `code_N`, 0 if none is given; None if the type has none such."""
    if name is None:
        return 0
    if match := NUMBERED_CODE.fullmatch(name):
        return int(match[1]) if int(match[1]) <= OCTET else None
    found = (V4 if version == 4 else V6).get(type_name)
    return None if found is None else found.codes.get(name)


def is_type(name: str) -> bool:
    """Say whether either version knows a type."""
    return any(type_number(name, version) is not None for version in (4, 6))


def is_code(type_name: str, name: str) -> bool:
    """Say whether either version knows a code of a type."""
    return any(code_number(type_name, name, version) is not None for version in (4, 6))
