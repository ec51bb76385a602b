"""What applications see of each way to close: measured, and written into docs/peer.md.

python tools/peer_table.py [--print] [--only NAME,NAME] [--apps "NAME;NAME"]   (root, or user namespaces; curl, a JDK and nginx)

What is not there, or not asked for, stays in the document as it was.
"""

import argparse
import atexit
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import finwait
from finwait.peer.background import Peer
from finwait.peer.ending import endings
from finwait.peer.live import end_of, listens
from finwait.verdict.verdict import FORGED
from quietly import quietly

ROOT = Path(__file__).resolve().parent.parent
APPS = Path(__file__).parent / "peer_apps"
DOCUMENT = ROOT / "docs/peer.md"
LIMIT = 15.0
"""Seconds for a program; each has a limit of 2 s of its own for the network."""
PORT = 8000
UPLOAD = 1_000_000
PROXY = "nginx for curl"
APPLICATIONS = {
    "clients": ("socket", "http.client", "asyncio", "curl", "curl, 1 MB up", "Java HttpClient"),
    "proxies": (PROXY,),
    "servers": ("socket", "asyncio", "nginx"),
}
"""By the table in which they are. The packets are those of the first."""
PROGRAMS = {
    "curl": ["curl"],
    "curl, 1 MB up": ["curl"],
    PROXY: ["curl", "nginx"],
    "Java HttpClient": ["javac"],
    "nginx": ["nginx"],
}
NGINX = """
pid {folder}/pid; error_log {folder}/error.log info; daemon off; master_process off;
events {{}}
http {{
  access_log {folder}/access.log combined;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  keepalive_timeout 1s; client_header_timeout 1s; send_timeout 1s;
  server {{ listen {address}:{port}; return 200 "{body}"; }}
}}
"""


def is_there(name: str) -> bool:
    return all(shutil.which(program) is not None for program in PROGRAMS.get(name, []))


# --- clients ---


def client(name: str, ending: str) -> tuple[str, Peer]:
    """Let a client ask the peer; gives what it said, and the peer as it ended."""
    with finwait.peer(ending, private=True) as peer:
        done = subprocess.run(
            client_command(name, peer, first=endings()[ending].announces),
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
        said = done.stdout.strip().splitlines()[-1:] or [done.stderr.strip().splitlines()[-1]]
        if name.startswith("curl"):
            said = [_curl(done)]
    return tidy(said[0]), peer


def client_command(name: str, peer: Peer, *, first: bool) -> list[str]:
    where = [peer.host, str(peer.port)]
    if name == "socket" and first:
        where.append("first")
    if name == "Java HttpClient":
        return ["java", "-cp", java_classes(), "Client", *where]
    if name == PROXY:
        return [sys.executable, str(APPS / "nginx_client.py"), *where]
    if name.startswith("curl"):
        shown = ["-w", "%{http_code}, %{size_download} octets", "-o", "/dev/null", "--max-time", "2"]  # fmt: skip
        body = ["--data-binary", f"@{upload()}", "-H", "Expect:"] if "up" in name else []
        return ["curl", "-sS", *shown, *body, peer.url]
    return [sys.executable, str(APPS / f"{name.removesuffix('.client')}_client.py"), *where]


def _curl(done: "subprocess.CompletedProcess[str]") -> str:
    if done.returncode == 0:
        return done.stdout
    return f"exit {done.returncode}: {done.stderr.strip().partition(') ')[2]}"


def _folder() -> Path:
    made = tempfile.mkdtemp(prefix="finwait-")
    atexit.register(shutil.rmtree, made)
    return Path(made)


@cache
def java_classes() -> str:
    folder = str(_folder())
    subprocess.run(["javac", "-d", folder, str(APPS / "Client.java")], check=True)
    return folder


@cache
def upload() -> str:
    path = _folder() / "body"
    path.write_bytes(bytes(UPLOAD))
    return str(path)


# --- servers ---


def server(name: str, ending: str) -> tuple[str, Peer]:
    """Let the peer ask a server; gives what that said."""
    with (
        tempfile.TemporaryDirectory(prefix="finwait-") as folder,
        finwait.peer(ending, connect=f"192.0.2.2:{PORT}", private=True) as peer,
        _running(name, peer, Path(folder)) as program,
    ):
        _await(lambda: listens(end_of(f"192.0.2.2:{PORT}")))
        peer.connect()
        if name == "nginx":
            said = _nginx(Path(folder))
        else:
            said = program.communicate(timeout=LIMIT)[0].strip().splitlines()[-1]
    return tidy(said), peer


@contextmanager
def _running(name: str, peer: Peer, folder: Path) -> "Iterator[subprocess.Popen[str]]":
    if name == "nginx":
        conf = folder / "nginx.conf"
        conf.write_text(
            NGINX.format(folder=folder, address=peer.beside, port=PORT, body="x" * 1000)
        )
        command = ["nginx", "-p", str(folder), "-c", str(conf)]
    else:
        command = [sys.executable, str(APPS / f"{name}_server.py"), peer.beside, str(PORT)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as program:  # fmt: skip
        try:
            yield program
        finally:
            program.terminate()


def _nginx(folder: Path) -> str:
    """What its logs say once it has let go of the connection: status and octets, then the complaint."""
    access, errors = folder / "access.log", folder / "error.log"
    end = time.monotonic() + 4
    while time.monotonic() < end and not (
        access.exists() and access.read_text() and "*" in errors.read_text()
    ):
        time.sleep(0.05)  # nginx tells nobody when it has let go
    wrote = re.findall(r'" (\d{3}) (\d+) ', access.read_text() if access.exists() else "")
    said = [f"{status}, {octets} octets" for status, octets in wrote]
    found = re.findall(r"\] \d+#\d+: \*\d+ (.*?)(?:, client:.*)?$", errors.read_text(), re.MULTILINE)  # fmt: skip
    return "; ".join([*said, *found]) or "nothing logged"


def _await(done: "object") -> None:
    end = time.monotonic() + LIMIT
    while callable(done) and not done():
        if time.monotonic() > end:
            raise TimeoutError("the server does not listen")
        time.sleep(0.02)


# --- the document ---


def tidy(said: str) -> str:
    """Without what differs from run to run: times, ports, the peer's address."""
    said = re.sub(r"\d+ milliseconds", "… ms", said)
    said = re.sub(r"after \d+ ms", "after … ms", said)
    said = re.sub(r"client 192\.0\.2\.1 closed", "client closed", said)
    said = re.sub(r"with (\d+) out of (\d+) bytes received", r"with \1 of \2 bytes received", said)
    return re.sub(r"\s+", " ", said).replace("|", "\\|").strip()


def verdict(peer: Peer) -> str:
    if not peer.connections:
        return "no packets"
    first = peer.connections[0]
    by = f"in the {first.reset_by}'s name" if first.cause == FORGED else first.closed_by
    return f"{first.close}, {by}"


def documented(kind: str, text: str) -> dict[tuple[str, str], str]:
    """(application, close) → what the document says."""
    found = re.search(rf"<!-- {kind} -->\n(.*?)<!-- /{kind} -->", text, re.DOTALL)
    head, _, *rows = (
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in (found[1] if found else "").strip().splitlines()
    )
    return {
        (app, row[0].strip("`")): said
        for row in rows
        for app, said in zip(head[1:], row[1:], strict=True)
    }


def rows(
    kind: str, only: Sequence[str], before: dict[tuple[str, str], str], apps: Sequence[str] = ()
) -> Iterator[list[str]]:
    """Measure; what is not asked for, or not there on this machine, stays as it was `before`."""
    ask = server if kind == "servers" else client
    first = APPLICATIONS[kind][0]
    packets = f"packets ({first})"
    yield ["close", *APPLICATIONS[kind], packets]
    yield ["---"] * (len(APPLICATIONS[kind]) + 2)
    for name, ending in endings().items():
        if kind == "servers" and ending.needs_listener:
            continue
        cells, of_packets = [], before.get((packets, name), "not measured")
        for app in APPLICATIONS[kind]:
            asked = (not only or name in only) and (not apps or app in apps)
            if not asked or not is_there(app):
                cells.append(before.get((app, name), "not measured"))
                continue
            said, peer = ask(app, name)
            cells.append(said)
            if app == first:
                of_packets = verdict(peer)
        yield [f"`{name}`", *cells, of_packets]


def versions(before: str) -> str:
    said = [f"Linux {platform.release().partition('-')[0]}", f"CPython {platform.python_version()}"]
    for command, pattern, name in (
        (["curl", "--version"], r"curl [\d.]+", r"curl [\d.]+"),
        (["java", "-version"], r"openjdk version \"[\d.]+", r"openjdk [\d.]+"),
        (["nginx", "-v"], r"nginx/[\d.]+", r"nginx/[\d.]+"),
    ):
        told = re.search(name, before)
        if shutil.which(command[0]):
            done = subprocess.run(command, capture_output=True, text=True)
            found = re.search(pattern, done.stdout + done.stderr)
            said.append(found[0].replace(' version "', " ") if found else command[0])
        elif told is not None:
            said.append(told[0].rstrip("."))
    return f"Measured with {', '.join(said)}."


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--print", action="store_true", dest="shown")
    arguments.add_argument("--only", metavar="NAMES", help="ways to close")
    arguments.add_argument("--apps", metavar="NAMES", help="columns, separated by semicolons")
    given = arguments.parse_args()
    text = DOCUMENT.read_text(encoding="utf-8")
    for kind in APPLICATIONS:
        lines = []
        before = documented(kind, text)
        only, apps = ((words or "").split(sign) if words else () for words, sign in ((given.only, ","), (given.apps, ";")))  # fmt: skip
        for row in rows(kind, only, before, apps):
            lines.append(f"| {' | '.join(row)} |")
            print(lines[-1], flush=True)
        table = "\n".join(lines)
        text = re.sub(
            rf"(<!-- {kind} -->\n).*?(<!-- /{kind} -->)",
            lambda found: f"{found[1]}{table}\n{found[2]}",  # noqa: B023 - called at once
            text,
            flags=re.DOTALL,
        )
    text = re.sub(r"^Measured with .*$", lambda found: versions(found[0]), text, flags=re.MULTILINE)
    if not given.shown:
        DOCUMENT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(quietly(main))
