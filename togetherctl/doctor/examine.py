"""Run the checks: independent ones at the same time, each with a deadline, their results in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from queue import Empty, Queue
from typing import TYPE_CHECKING, Any

from togetherctl.doctor.check import Check, Each, Skip, find_checks
from togetherctl.doctor.facts import Facts
from togetherctl.errors import ExitCode, TogetherctlError, from_os_error, run
from togetherctl.finding import Finding, failure

if TYPE_CHECKING:
    from togetherctl.config.profile import Profile
    from togetherctl.errors import Remedy

# How often Ctrl-C and deadlines are looked at, in seconds.
_LOOK = 0.1
_LATER = "once what failed of its issuer is put right"
_AT_ONCE = 8
# Checks that wait for the network cost little else, and hundreds of clusters may be away.
_WAITING_AT_ONCE = 32


@dataclass(frozen=True)
class Result:
    """What one check found of one subject; a check may find several things of it."""

    check: Check
    finding: Finding

    @property
    def subject(self) -> str:
        return self.finding.subject


@dataclass
class _Task:
    check: Check
    subject: str
    given: Any
    started: float | None = None
    findings: Sequence[Finding] | None = None


def examine(
    facts: Facts,
    checks: Sequence[Check] | None = None,
    *,
    each: Callable[[Result], None] = lambda _result: None,
    progress: Callable[[Sequence[str]], None] = lambda _running: None,
    go_on: Callable[[], None] = lambda: None,
) -> list[Result]:
    """Run `checks` (all by default) and give their results in order.

    `each` gets a result as soon as all before it are there, and `progress` the titles of the checks that run; both
    are called on this thread. `go_on` may raise, to end it all.
    """
    tasks = list(_tasks(facts, find_checks() if checks is None else checks))
    waiting = list(tasks)
    ended: Queue[_Task] = Queue()
    running: list[_Task] = []
    results: list[Result] = []
    # Of the issuers where a check failed: a login there fails, too.
    closed: set[str] = set()
    shown = 0
    while shown < len(tasks):
        while waiting and len(running) < (_WAITING_AT_ONCE if waiting[0].check.network else _AT_ONCE):
            running.append(_start(facts, waiting.pop(0), ended))
        progress([task.check.title for task in running])
        go_on()
        with suppress(Empty):
            ended.get(timeout=_LOOK)
        _give_up_late(running)
        running = [task for task in running if task.findings is None]
        while shown < len(tasks) and tasks[shown].findings is not None:
            for result in _results(facts, tasks[shown], closed):
                results.append(result)
                each(result)
            shown += 1
    return results


def exit_code(results: Sequence[Result]) -> int:
    """What the command ends with: the kind of the first that failed."""
    failed = (result.finding.exit_code for result in results if result.finding.status == "failed")
    return next(failed, ExitCode.DONE)


def _tasks(facts: Facts, checks: Sequence[Check]) -> Iterator[_Task]:
    for check in checks:
        subjects = list(_subjects(facts, check))
        if not subjects and facts.trouble is not None:
            yield _Task(check, "", None, findings=[Finding("skipped", "the configuration cannot be read")])
        for subject, given in subjects:
            offline = check.network and facts.offline
            yield _Task(check, subject, given, findings=[Finding("skipped", "offline")] if offline else None)


def _subjects(facts: Facts, check: Check) -> Iterator[tuple[str, Any]]:
    """The names and values that a check runs for; an issuer that only a forwarded agent asks is none."""
    kind: Each = check.each
    if kind == "machine":
        yield "", None
    elif kind == "cluster":
        yield from ((cluster.name, cluster) for cluster in facts.clusters)
    else:
        first: dict[str, Profile] = {}
        for profile in facts.profiles:
            if profile.called_there and check.area == "issuer":
                continue
            told_apart = {"profile": profile.name, "issuer": profile.issuer.name, "session": profile.key}[kind]
            if first.setdefault(told_apart, profile) is profile:
                yield profile.issuer.name if kind == "issuer" else profile.name, profile


def _start(facts: Facts, task: _Task, ended: Queue[_Task]) -> _Task:
    def work() -> None:
        # A check that comes back after it was given up is not heard any more.
        found = _examine_one(facts, task)
        if task.findings is None:
            task.findings = found
        ended.put(task)

    task.started = time.monotonic()
    if task.findings is None:
        threading.Thread(target=work, name=f"togetherctl-{task.check.name}", daemon=True).start()
    return task


def _examine_one(facts: Facts, task: _Task) -> Sequence[Finding]:
    try:
        return list(task.check.examine(facts, task.given)) or [Finding("ok", "in order")]
    except Skip as skip:
        return [Finding("skipped", skip.why)]
    except TogetherctlError as error:
        return [failure(error)]
    except OSError as error:
        # A folder that may not be entered, or a disk that does not answer.
        return [failure(from_os_error(error))]
    except Exception as error:  # noqa: BLE001 # one broken check must not hide what the others found
        message = f"this check itself failed ({type(error).__name__}), which is a bug of togetherctl"
        return [Finding("failed", message, run("togetherctl", "support"), exit_code=ExitCode.BUG)]


def _give_up_late(running: Sequence[_Task]) -> None:
    now = time.monotonic()
    for task in running:
        seconds = task.check.seconds
        if task.findings is None and task.started is not None and now - task.started > seconds:
            message = task.check.late or f"no answer within {seconds:g} s"
            code = ExitCode.UNREACHABLE if task.check.network else ExitCode.FAILED
            task.findings = [Finding("failed", message, exit_code=code)]


def _results(facts: Facts, task: _Task, closed: set[str]) -> Iterator[Result]:
    """The results of a check that ended. `closed` are the issuers where one failed before; theirs are added to it."""
    profile: Profile | None = task.given
    if task.check.each == "cluster" and task.given is not None:
        profile = facts.profile_of(task.given)
    for finding in task.findings or ():
        remedy = finding.remedy
        if profile is not None and profile.issuer.name in closed and remedy is not None:
            remedy = _later(remedy)
        if profile is not None and task.check.area == task.check.each == "issuer" and finding.status == "failed":
            closed.add(profile.issuer.name)
        yield Result(task.check, replace(finding, subject=finding.subject or task.subject, hint=remedy))


def _later(remedy: Remedy) -> Remedy:
    """The remedy, with a word before a login that would fail now."""
    command = remedy.command or ()
    return run(*command, words=_LATER) if command[:2] == ("togetherctl", "login") and not remedy.text else remedy
