"""Against the truth: connections whose end is known because the generator of bench/ wrote it."""

import json
import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from finwait import _core

ROOT = Path(__file__).parent.parent
PACKETS = 200_000
# What the generator knows and finwait has to find out, column by column.
KNOWN = [
    *("client_ip", "client_port", "server_ip", "server_port", "scope", "first_frame"),
    *("close", "closed_by", "client_packets", "server_packets", "client_bytes", "server_bytes"),
]


@pytest.fixture(scope="session")
def generator() -> Path:
    """The generator, built."""
    if shutil.which("cargo") is None:
        pytest.skip("cargo is not installed")
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
    subprocess.run(
        ["cargo", "build", "--quiet", "--release", "--locked"],
        cwd=ROOT / "bench" / "gen",
        env={**os.environ, "CARGO_TARGET_DIR": str(target)},
        check=True,
    )
    return target / "release" / "gen"


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("kind", ["--packets", "--short"])
def test_every_connection_ended_as_it_was_made_to(
    generator: Path, tmp_path: Path, kind: str, threads: int
) -> None:
    seed = os.environ.get("FINWAIT_SEED", "1")
    capture, truth = tmp_path / "made.pcap", tmp_path / "truth.ndjson"
    count = PACKETS if kind == "--packets" else PACKETS // 10
    subprocess.run(
        # 128 bytes hold every header: the payload's length stands in the IP header.
        [
            *(str(generator), kind, str(count), "--seed", seed, "--snaplen", "128"),
            *("-o", str(capture), "--truth", str(truth)),
        ],
        check=True,
        capture_output=True,
    )
    wanted = [json.loads(line) for line in truth.read_text().splitlines()]
    found = _core.analyze([str(capture)], threads=threads).records()

    wrong: Counter[str] = Counter()
    first: dict[str, str] = {}
    for want, have in zip(wanted, found, strict=True):
        for column in KNOWN:
            if want[column] != have[column]:
                wrong[column] += 1
                first.setdefault(column, f"conn {want['conn']}: {column}: made {want}, told {have}")
    assert not wrong, f"seed {seed}: {dict(wrong)}\n" + "\n".join(first.values())
    if kind == "--packets":
        # A truth without all the ways to end would prove little.
        assert {want["close"] for want in wanted} == set(_core.SLUGS["close"])
