"""What the torture test makes of what it has seen."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from testkit.load import Kind, Mix, Outcome, Record, Report
from testkit.load.faults import Fault
from testkit.load.faulty import Faulty
from testkit.load.linearizability import Switching
from testkit.load.record import Stop
from testkit.load.target import NotAllowedError
from testkit.torture.__main__ import main
from testkit.torture.deploys import Deploy, Deploys, Manners
from testkit.torture.idle import idle
from testkit.torture.ledger import Ledger, Posts, compare
from testkit.torture.reckoning import IdleAnswer, Row, Seen, late, outage, reckon, windows
from testkit.torture.table import markdown
from testkit.torture.target import answers, on_loopback, supported, version
from testkit.torture.trial import Trial

KILLED = -signal.SIGKILL


def record(
    begins: float,
    version: str = "t1",
    *,
    kind: Kind = Kind.NEW,
    ends: float = 0.0,
    outcome: Outcome = Outcome.OK,
    id_: str = "",
) -> Record:
    ends = ends or begins + 0.01
    return Record(kind, begins, begins, ends, outcome, 200, "", version, begins, "", id_)


def reported(*records: Record) -> Report:
    return Report(records, 0.0, 20.0, Stop.ASKED, 0.1)


def deploy(version: str, began: float, ended: float, code: int = 0) -> Deploy:
    return Deploy(version, began, ended, code)


def row(
    *records: Record,
    deploys: Sequence[Deploy] = (),
    idle: Sequence[IdleAnswer] = (),
    received: Counter[str] | None = None,
) -> Row:
    return reckon(Seen(reported(*records), deploys, idle, 1000, received))


# ── what is counted ──────────────────────────────────────────────────────────────────────────


def test_a_clean_release_counts_nothing_but_its_requests() -> None:
    found = row(
        record(1),
        record(5, "t2"),
        record(2, kind=Kind.POST, id_="a"),
        deploys=[deploy("t2", 3, 5)],
        idle=[IdleAnswer(200, "t2", "t2")],
        received=Counter(["a"]),
    )

    assert found.is_clean
    assert (found.deploys, found.kills, found.requests, found.seconds) == (1, 0, 4, 2)
    assert (found.lost, found.late, found.stale, found.repeated, found.unseen) == (0, 0, 0, 0, 0)


def test_each_failure_is_lost_but_a_web_socket_that_its_application_cuts() -> None:
    found = row(
        record(1, outcome=Outcome.CONNECT_FAILED),
        record(2, kind=Kind.POST, outcome=Outcome.BAD_STATUS),
        record(3, kind=Kind.MESSAGE, outcome=Outcome.CLOSED_EARLY),
        record(4, kind=Kind.MESSAGE, outcome=Outcome.CLOSED),
        idle=[IdleAnswer(0, "", "t1"), IdleAnswer(503, "", "t1"), IdleAnswer(200, "t1", "t1")],
    )

    assert (found.lost, found.cut_sockets) == (4, 1)
    assert not found.is_clean


def test_late_is_another_version_after_a_deploy_has_ended_well() -> None:
    bad = record(6)
    report = reported(record(4), bad, record(6.5, "t2"), record(8, "t2"), record(11, "t2"))
    deploys = [deploy("t2", 3, 5), deploy("t3", 7, 9, KILLED), deploy("t3", 9, 10)]

    assert late(report, deploys) == [bad, record(11, "t2")]


def test_an_idle_client_that_meets_the_old_version_is_late() -> None:
    assert row(idle=[IdleAnswer(200, "t1", "t2"), IdleAnswer(200, "t2", "t2")]).late == 1


def test_stale_is_what_no_atomic_switch_explains() -> None:
    rolling = [record(3 + number / 10, f"t{1 + number % 2}") for number in range(9)]

    assert row(record(1), *rolling, record(6, "t2"), deploys=[deploy("t2", 2, 5)]).stale == 4


def test_a_killed_deploy_may_switch_until_the_next_one_has_ended() -> None:
    found = windows([deploy("t2", 1, 2, KILLED), deploy("t2", 3, 4), deploy("t3", 5, 6, 1)])

    assert found[:2] == [Switching(1, 4, switches=2), Switching(3, 4, switches=1)]
    assert found[2].ends == float("inf")


def test_posts_are_compared_with_what_the_application_received() -> None:
    failed = Outcome.READ_FAILED
    posts = [
        record(1, kind=Kind.POST, id_="once"),
        record(2, kind=Kind.POST, id_="twice"),
        record(3, kind=Kind.POST, id_="never"),
        record(4, kind=Kind.POST, id_="failed and received", outcome=failed),
        record(5, kind=Kind.POST, id_="failed and not received", outcome=failed),
    ]
    received = Counter(["once", "twice", "twice", "failed and received", "of another load"])

    assert compare([*posts, record(6)], received) == Posts(sent=5, repeated=1, unseen=1)


def test_without_a_ledger_repeated_posts_are_unknown() -> None:
    found = row(record(1, kind=Kind.POST, id_="a"))

    assert (found.repeated, found.unseen) == (None, None)
    assert found.is_clean


def test_slow_is_a_second_longer_than_was_asked_for() -> None:
    new = [record(1, ends=1.9), record(1, ends=2.1)]
    long = [record(1, kind=Kind.LONG, ends=ends) for ends in (2.9, 3.1)]

    assert row(*new).slow == 1
    assert row(*long).slow == 1


def test_the_longest_outage_is_between_two_good_answers_to_new_connections() -> None:
    failed = record(10, outcome=Outcome.CONNECT_FAILED)
    kept = record(11, kind=Kind.KEEP_ALIVE)

    assert outage(reported(record(2, ends=3), failed, kept, record(14, ends=15))) == 12


def test_the_table_has_a_line_for_each_trial() -> None:
    rows = {
        Trial(Manners.GRACEFUL, 5, kills=False): row(record(1)),
        Trial(Manners.RUDE, 5, kills=True): row(record(1, outcome=Outcome.TIMED_OUT)),
    }
    head, rule, first, second = markdown(rows).splitlines()

    assert head.startswith("| application | deploys | kills | failed deploys |")
    assert head.count("|") == rule.count("|") == first.count("|") == second.count("|")
    assert first.startswith("| graceful, deploys | 0 | 0 | 0 | 0.0 | 1 | 0 |")
    assert second.startswith("| rude, kills | 0 | 0 | 0 | 0.0 | 1 | 1 |")


# ── the deploy command ───────────────────────────────────────────────────────────────────────


def deploys(command: str, timeout: float = 20) -> Deploys:
    chance = Random(1)  # noqa: S311 - it must be the same again
    return Deploys(command, dict(os.environ), timeout, chance)


def test_a_deploy_knows_its_version_and_the_manners() -> None:
    found = deploys('echo {version} "$TORTURE_VERSION" "$ON_SIGTERM" "$IDLE_TIMEOUT"')

    assert found.run(Manners.GRACEFUL).said.split() == ["t1", "t1"]
    assert found.run(Manners.RUDE).said.split() == ["t2", "t2", "die", "1"]


def test_a_deploy_that_fails_keeps_its_exit_code_and_what_it_said() -> None:
    found = deploys("echo no room >&2; exit 3").run(Manners.GRACEFUL)

    assert (found.code, found.said, found.was_killed) == (3, "no room\n", False)


def test_a_kill_ends_the_command_and_its_children_and_the_same_version_is_deployed_again(
    tmp_path: Path,
) -> None:
    seen = tmp_path / "pids"
    found = deploys(f"sh -c 'echo $$ >>{seen}; sleep 0.4; :'; :")
    found.run(Manners.GRACEFUL)
    died, again = found.killed(Manners.GRACEFUL)

    assert (died.version, again.version) == ("t2", "t2")
    assert (died.was_killed, again.code) == (True, 0)
    assert died.seconds < 0.4
    for pid in seen.read_text().split():
        with suppress(FileNotFoundError):
            assert _state(pid) == "Z"


def _state(pid: str) -> str:
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    return stat.rpartition(")")[2].split()[0]


def test_a_deploy_that_hangs_is_ended() -> None:
    found = deploys("sleep 60", timeout=0.1).run(Manners.GRACEFUL)

    assert found.code == KILLED


# ── the target ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("url", ["http://192.168.0.1", "http://10.0.0.1:80", "http://192.0.2.1"])
def test_it_refuses_other_addresses_than_loopback(url: str) -> None:
    with pytest.raises(NotAllowedError):
        on_loopback(url)


def test_kinds_that_are_not_answered_are_left_out() -> None:
    mix = Mix(long_ms=10, downloads_per_s=1, download_bytes=1000)
    with Faulty.serving() as server:
        assert supported(on_loopback(server.url), mix).missing == []
    with Faulty.serving(Fault.CLOSE) as server:
        found = supported(on_loopback(server.url), mix)

    assert set(found.missing) == {
        Kind.KEEP_ALIVE,
        Kind.LONG,
        Kind.POST,
        Kind.DOWNLOAD,
        Kind.HANDSHAKE,
    }
    assert found.mix.kinds == {Kind.NEW}


def test_it_asks_which_version_answers() -> None:
    with Faulty.serving() as server:
        target = on_loopback(server.url)
        assert version(target) == "v1"
        assert answers(target, "v1")
    assert version(target) == ""


def test_idle_clients_ask_once_each_and_say_what_they_got() -> None:
    with Faulty.serving() as server, idle(3, on_loopback(server.url)) as clients:
        asked = clients.ask("v1")
        server.version = "v2"
        later = clients.ask("v1")

    assert asked == [IdleAnswer(200, "v1", "v1")] * 3
    assert later == [IdleAnswer(200, "v2", "v1")] * 3
    with Faulty.serving(Fault.CLOSE) as server, idle(2, on_loopback(server.url)) as clients:
        assert clients.ask("v1") == [IdleAnswer(0, "", "v1")] * 2


def test_a_ledger_is_emptied_and_read_in_the_same_file(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "posts")
    ledger.clear()
    with ledger.path.open("a", encoding="utf-8") as file:
        file.write("a\nb\na\n")
        file.flush()
        assert ledger.received() == Counter(a=2, b=1)
        ledger.clear()
        file.write("c\n")
        file.flush()
    assert ledger.received() == Counter(c=1)


# ── the command ──────────────────────────────────────────────────────────────────────────────


def test_a_deploy_command_that_fails_at_first_ends_the_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--deploy", "echo no engine; false", "--url", "http://127.0.0.1:9"]) == 2
    assert "the deploy command failed:\nno engine" in capsys.readouterr().err


def test_a_url_that_is_not_on_loopback_ends_the_run_before_a_deploy(tmp_path: Path) -> None:
    touched = tmp_path / "deployed"

    assert main(["--deploy", f"touch {touched}", "--url", "http://10.0.0.1"]) == 2
    assert not touched.exists()
