"""The golden matrix: any changed cell is shown; whether the new one is right is for a person to say."""

from pathlib import Path

import pytest

from finwait.endpoint import PROFILES, Profile
from finwait.tcp import State
from matrix import WAYS, reach, table

GOLDEN = Path(__file__).parent / "matrix.md"


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
@pytest.mark.parametrize("state", WAYS)
def test_every_state_is_reached_by_segments(profile: Profile, state: State) -> None:
    reach(profile, state)


def test_no_cell_changes_unseen() -> None:
    golden, now = GOLDEN.read_text().splitlines(), table().splitlines()
    changed = [f"-{old}\n+{new}" for old, new in zip(golden, now, strict=True) if old != new]
    assert not changed, "\n".join(
        ["python tools/matrix.py writes it anew, if this is right:", *changed[:20]]
    )
