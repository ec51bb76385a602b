"""`finwait lab`: lists, runs, keeps, shows the code, takes a file of one's own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import finwait
from finwait.lab.experiments import ALL

OWN = Path(__file__).parents[2] / "examples/own_experiment.py"
LAB = [sys.executable, "-m", "finwait.cli", "lab"]


def lab_run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*LAB, *arguments], capture_output=True, text=True, timeout=100)


def test_without_a_name_it_lists() -> None:
    done = lab_run("--lang", "en")
    assert done.returncode == 0
    assert set(ALL) <= set(done.stdout.split())
    listed = json.loads(lab_run("--format", "json").stdout)
    assert [each["name"] for each in listed] == list(ALL)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--code"], "--code"),
        (["--keep", "kept"], "--keep"),
        (["--svg", "drawn", "--long"], "--svg, --long"),
        (["--no-trace", "--format", "json"], "--no-trace"),
    ],
)
def test_an_option_about_an_experiment_needs_one(
    arguments: list[str], named: str, tmp_path: Path
) -> None:
    for lang, words in (
        ("en", f"{named}: of which experiment?"),
        ("zh", f"{named}：针对哪个实验？"),
    ):
        done = subprocess.run(
            [*LAB, *arguments, "--lang", lang], capture_output=True, text=True, cwd=tmp_path
        )
        assert (done.returncode, done.stdout) == (1, "")
        assert words in done.stderr
    assert list(tmp_path.iterdir()) == [], "no folder was made"


def test_an_unknown_name_is_misuse() -> None:
    done = lab_run("for-way")
    assert done.returncode == 1
    assert "four-way" in done.stderr


@pytest.mark.parametrize("name", ["./README.md", "docs", "./nowhere/mine", "./README.md:four-way"])
@pytest.mark.parametrize(("lang", "words"), [("en", "is called ….py"), ("zh", "名为 ….py")])
def test_a_path_that_is_no_experiment_is_misuse(name: str, lang: str, words: str) -> None:
    done = lab_run(name, "--lang", lang)
    assert done.returncode == 1
    assert f"{name} " in done.stderr
    assert words in done.stderr


def test_a_file_that_breaks_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("x = 1\ny = z\n")
    done = subprocess.run([*LAB, "./own.py"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert "own.py:2: NameError" in done.stderr


VAIN = """
from dataclasses import replace

from finwait.lab.experiments import ALL

def story(world):
    world.connect()
    world.until("client", "CLOSED", limit=0.5)

EXPERIMENTS = (replace(ALL["four-way"], name="vain", story=story),)
"""


@pytest.mark.parametrize(
    ("lang", "words", "mark"),
    [
        (
            "en",
            "own.py:8: waited 0.5 s in vain until the client was CLOSED; the client is ESTABLISHED, the server is ESTABLISHED",
            "stopped",
        ),
        (
            "zh",
            "own.py:8：等待了 0.5 秒，始终没有等到：客户端处于 CLOSED；此时客户端处于 ESTABLISHED，服务器处于 ESTABLISHED",
            "中途停止",
        ),
    ],
)
def test_a_story_that_waits_in_vain_says_for_what(
    lab: None, lang: str, words: str, mark: str, tmp_path: Path
) -> None:
    del lab
    own = tmp_path / "own.py"
    own.write_text(VAIN)
    for options in ((), ("-j", "2")):
        done = lab_run(str(own), "--lang", lang, *options)
        assert done.returncode == 4
        told = "".join(done.stdout.split())
        assert told.count("".join(words.split())) == 2, "on its page and below the table"
        assert "connect()" in told, "the steps that it took"
        assert f"{mark}\n" in done.stdout
    (data,) = json.loads(lab_run(str(own), "--lang", lang, "--format", "json").stdout)
    assert data["error"] == words


MISTAKES = """
import sys
from dataclasses import replace
from functools import partial

from finwait.lab.experiments import ALL

def leaves(world): sys.exit(1)
def takes_nothing(): pass
def divides(by, world): 1 / by
def asks_nobody(world): world.until("klient", "CLOSED")
def asks_for_nothing(world): world.until("client", "FIN_WAIT_2")
def asks_no_proxy(world): world.proxy.begin()
def connects_not(world): pass
def sends_text(world): world.connect(); world.client.send("text")
def reads_text(world): world.connect(); world.client.receive("1", may_fail=True)
def proxies_wrongly(near, far): near.recv(1); 1 / 0

base = ALL["four-way"]
STORIES = {
    "leaves": leaves, "takes-nothing": takes_nothing, "divides": partial(divides, 0), "asks-nobody": asks_nobody,
    "asks-for-nothing": asks_for_nothing, "asks-no-proxy": asks_no_proxy, "connects-not": connects_not,
    "sends-text": sends_text, "reads-text": reads_text,
}
relayed = ALL["half-close-kept"]
EXPERIMENTS = (
    *(replace(base, name=name, story=story) for name, story in STORIES.items()),
    replace(base, name="no-sysctl", sysctl={"tcp_fin_timeot": 1}),
    replace(relayed, name="proxies-wrongly", through=replace(relayed.through, code=proxies_wrongly)),
    replace(base, name="no-number", sysctl={"tcp_fin_timeout": "x"}),
    base,
)
"""
SAID = {
    "leaves": "own.py:8: SystemExit: 1",
    "takes-nothing": "own.py:9: TypeError: takes_nothing() takes 0 positional arguments",
    "divides": "own.py:10: ZeroDivisionError",
    "asks-nobody": "own.py:11: no 'klient': did you mean client?; there are client, server, proxy;",
    "asks-for-nothing": "own.py:12: no 'FIN_WAIT_2': did you mean FIN-WAIT-2?",
    "asks-no-proxy": "own.py:13: no proxy here",
    "connects-not": "no connection 0 went over the wire",
    "sends-text": "own.py:15: client: send(4 bytes): TypeError: a bytes-like object is required",
    "reads-text": "own.py:16: client: recv(): TypeError: ",
    "proxies-wrongly": "proxy: its code is done: own.py:17: ZeroDivisionError: division by zero",
    "no-sysctl": "net.ipv4.tcp_fin_timeot: this kernel has no such sysctl",
    "no-number": "net.ipv4.tcp_fin_timeout = x cannot be written: Invalid argument",
}


def test_mistakes_in_an_own_file_are_told_each_and_stop_nothing_else(
    lab: None, tmp_path: Path
) -> None:
    del lab
    own = tmp_path / "own.py"
    own.write_text(MISTAKES)
    done = lab_run(str(own), "-j", "2", "--format", "json", "--lang", "en")
    assert not done.stderr
    *wrong, right = json.loads(done.stdout)
    assert right["same"]
    told = {each["name"]: each["error"] for each in wrong}
    assert "asks_no_proxy" in lab_run(str(own), "--code").stdout
    assert set(told) == set(SAID)
    assert not [(name, told[name]) for name, said in SAID.items() if said not in told[name]]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("EXPERIMENTS = 3", "has to be a tuple of Experiment\n"),
        ("EXPERIMENTS = ALL['four-way']", "with a comma after one, too"),
        ("EXPERIMENTS = (ALL['four-way'], 3)", "has to be a tuple of Experiment\n"),
        ("import sys; sys.exit(3)", "own.py:2: SystemExit: 3"),
        ("raise SystemExit(0)", "own.py:2: SystemExit: 0"),
        ("EXPERIMENTS = (ALL['four-way'], replace(ALL['four-way']))", "two experiments are called"),
    ],
)
def test_a_file_without_experiments_is_misuse(text: str, said: str, tmp_path: Path) -> None:
    own = tmp_path / "own.py"
    own.write_text(
        f"from finwait.lab.experiments import ALL; from dataclasses import replace\n{text}\n"
    )
    done = lab_run(str(own), "--lang", "en")
    assert done.returncode == 1
    assert said in done.stderr
    assert lab_run(str(own), "--lang", "zh").returncode == 1


def test_of_two_with_one_name_none_is_left_out(tmp_path: Path) -> None:
    own = tmp_path / "own.py"
    own.write_text(lab_run("four-way", "--code").stdout, encoding="utf-8")
    done = lab_run("four-way", f"{own}:four-way", "--lang", "en")
    assert done.returncode == 1
    assert "two experiments are called 'four-way'" in done.stderr
    assert lab_run(str(own), f"{own}:four-way", "--code").returncode == 0, "the same one twice"


def test_the_code_can_be_had_and_changed(lab: None, tmp_path: Path) -> None:
    del lab
    shown = lab_run("four-way", "--code").stdout
    assert "def four_way(world: World)" in shown
    own = tmp_path / "own.py"
    own.write_text(shown.replace('"four-way",', '"mine",', 1), encoding="utf-8")
    data = json.loads(lab_run(str(own), "--format", "json").stdout)
    assert data[0]["name"] == "mine"
    assert data[0]["same"]


def test_the_example_of_an_own_experiment(lab: None) -> None:
    del lab
    done = lab_run(str(OWN), "--lang", "en")
    assert done.returncode == 0, done.stdout
    assert "four-way by server" in done.stdout


def test_one_experiment_of_a_file(lab: None, tmp_path: Path) -> None:
    del lab
    own = tmp_path / "own.py"
    own.write_text(lab_run("half-close", "--code").stdout, encoding="utf-8")
    (data,) = json.loads(lab_run(f"{own}:half-close", "--format", "json").stdout)
    assert data["name"] == "half-close"
    assert data["same"]
    unknown = lab_run(f"{own}:half-closed", "--lang", "zh")
    assert unknown.returncode == 1
    assert "其中有：half-close" in unknown.stderr


def test_a_wrong_expectation_is_told_in_both_languages(lab: None, tmp_path: Path) -> None:
    del lab
    own = tmp_path / "own.py"
    own.write_text(
        OWN.read_text(encoding="utf-8").replace('by="server"', 'by="client"'), encoding="utf-8"
    )
    for lang, words in (
        ("en", "from the wire, closed_by: server, expected client"),
        ("zh", "由内核，closed_by：server，预期 client"),
    ):
        done = lab_run(str(own), "--lang", lang)
        assert done.returncode == 4
        assert words in done.stdout


def test_captures_are_kept_with_the_kernels_words(lab: None, folder: Path) -> None:
    del lab
    done = lab_run("simultaneous", "--keep", str(folder), "--svg", str(folder))
    assert done.returncode == 0, done.stdout
    (row,) = finwait.analyze(folder / "simultaneous.pcapng")
    assert row.close == "simultaneous"
    assert b"client FIN-WAIT-1 > CLOSING" in (folder / "simultaneous.pcapng").read_bytes()
    assert (folder / "simultaneous.svg").read_text().startswith("<svg")


@pytest.mark.parametrize("name", ["three-way", "rst-after-fin", "time-wait-reuse"])
def test_without_tracefs_the_table_of_sockets_is_asked(lab: None, name: str) -> None:
    del lab
    done = lab_run(name, "--no-trace", "--lang", "en")
    assert done.returncode == 0, done.stdout
    assert "Without tracepoints the kernels' states" in done.stdout


@pytest.mark.parametrize(
    ("lang", "mark", "summary", "why", "way_out"),
    [
        (
            *("en", "wire only", "2 experiments: 1 agreed, 1 not told by the kernel"),
            *(
                "a state that lasts is seen; a RST, its reason, and whether FIN-WAIT-2 was passed",
                "as root",
            ),
        ),
        (
            "zh",
            "仅报文",
            "2 个实验：1 个一致，1 个内核未说明",
            "持续的状态看得到；RST、RST 的原因",
            "以 root 运行",
        ),
    ],
)
def test_what_the_kernel_did_not_tell_is_not_counted_as_agreed(
    lab: None, lang: str, mark: str, summary: str, why: str, way_out: str
) -> None:
    del lab
    done = lab_run("four-way", "linger-zero", "--no-trace", "--lang", lang)
    assert done.returncode == 0, done.stdout
    assert summary in done.stdout
    assert f"{mark}：" in done.stdout or f"{mark}: " in done.stdout, "the mark is explained"
    note = "".join(done.stdout.rpartition(f"\n{mark}")[2].split())
    assert "".join(why.split()) in note
    assert "".join(way_out.split()) in note
    four, linger = json.loads(
        lab_run("four-way", "linger-zero", "--no-trace", "--format", "json").stdout
    )
    assert (four["agreement"], linger["agreement"]) == ("same", "wire-only")
    assert linger["kernel"]["close"] == ""


def test_what_the_table_of_sockets_does_tell_is_compared(lab: None, tmp_path: Path) -> None:
    del lab
    own = tmp_path / "own.py"
    own.write_text(
        OWN.read_text(encoding="utf-8").replace(
            'closed_by="server",', 'closed_by="server", kernel_close="three-way",'
        ),
        encoding="utf-8",
    )
    done = lab_run(str(own), "--no-trace", "--lang", "en")
    assert done.returncode == 4, done.stdout
    assert "from the kernel, close: four-way, expected three-way" in done.stdout


def test_where_the_kernel_is_meant_to_differ_the_table_says_why(lab: None) -> None:
    del lab
    done = lab_run("port-rejected", "four-way", "--lang", "en")
    assert done.returncode == 0, done.stdout
    (refused,) = json.loads(lab_run("port-rejected", "--format", "json").stdout)
    if not refused["reasons_told"]:
        pytest.skip("this kernel tells no reasons of RSTs")
    assert refused["agreement"] == "as-meant"
    table = done.stdout.rpartition("from the kernel")[2]
    row = next(line for line in table.splitlines() if line.startswith("port-rejected"))
    assert row.endswith("as meant *")
    assert "* port-rejected: The server's kernel saw no SYN" in table
    assert "2 experiments: 1 agreed, 1 as meant (*)" in table


def test_it_speaks_chinese(lab: None) -> None:
    del lab
    done = lab_run("three-way", "--lang", "zh")
    assert done.returncode == 0, done.stdout
    assert "三次挥手" in done.stdout
    assert "一致" in done.stdout


def test_in_a_user_namespace(lab: None) -> None:
    """Whoever is root only of a user namespace has no tracefs, and the lab all the same."""
    del lab
    command = ["unshare", "--user", "--map-root-user", *LAB, "four-way", "--lang", "en"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    if "unshare failed" in done.stderr:
        pytest.skip(f"user namespaces are not permitted here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Without tracepoints the kernels' states" in done.stdout


NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
OPEN_TUN = "mount -t tmpfs -o mode=755 none /dev/net && mknod -m 666 /dev/net/tun c 10 200"
"""As most distributions have it; in a mount table that ends with the test."""


def test_as_an_ordinary_user(lab: None) -> None:
    """Who is not root becomes root of a user namespace; the states are those of sock_diag, and it says so."""
    del lab
    shell = ["unshare", "--mount", "sh", "-c", f'{OPEN_TUN} && exec "$@"', "sh"]
    names = ["rst-without-fin", "half-close-broken", "--lang", "en"]
    done = subprocess.run(
        [*shell, *NOBODY, *LAB, *names], capture_output=True, text=True, timeout=100
    )
    if "refused" in done.stderr or "mknod" in done.stderr or "Permission denied" in done.stderr:
        pytest.skip(f"user namespaces are not permitted here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Without tracepoints the kernels' states" in done.stdout
    assert "2 experiments: 2 not told by the kernel" in done.stdout, "what only a reason could tell"
    assert "wire only" in done.stdout
    assert "  same" not in done.stdout.rpartition("experiment  ")[2].partition("\n")[2]


@pytest.mark.parametrize(
    ("lang", "words"),
    [("en", "was refused (Operation not permitted): run as root, or"), ("zh", "被拒绝")],
)
def test_a_refused_namespace_is_told_once_with_the_way_out(
    lab: None, lang: str, words: str
) -> None:
    del lab
    without = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"]
    command = [*without, *LAB, "closing", "--lang", lang]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 3
    assert not done.stdout
    assert done.stderr.count(words) == 1
    assert "--device=/dev/net/tun" in done.stderr


def test_a_device_that_may_not_be_opened_is_told_with_the_way_out(lab: None) -> None:
    del lab
    shut = OPEN_TUN.replace("666", "600")
    shell = ["unshare", "--mount", "sh", "-c", f'{shut} && exec "$@"', "sh"]
    command = [*shell, *NOBODY, *LAB, "closing", "--lang", "en"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    if "namespace" in done.stderr:
        pytest.skip(f"user namespaces are not permitted here: {done.stderr.strip()}")
    assert done.returncode == 3
    assert "chmod 666 /dev/net/tun" in done.stderr
