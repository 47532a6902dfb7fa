"""Questions wait for the person: asked once for all who wait, with an end each, and remembered as long as said."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.agent.scripted_loop import ScriptedLoop
from togetherctl.agent.answers import Answers
from togetherctl.agent.protocol import Failure
from togetherctl.agent.questions import Question, QuestionDesk

HOUR = 3600.0


class Party:
    """A remote client: what it was told."""

    def __init__(self) -> None:
        self.told: list[Failure | None] = []

    def __call__(self, refusal: Failure | None) -> None:
        self.told.append(refusal)

    @property
    def said(self) -> str:
        [refusal] = self.told
        return refusal.message if refusal else "yes"


class Watching:
    """One way to the person that shows nothing, and keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def show(self, question: Question) -> None:
        self.told.append(
            f"{'running' if question.runs else 'asks'}: {question.kind} {question.profile} {question.host}"
        )

    def hide(self, question: Question, end: str) -> None:
        why = f": {question.problem}" if question.problem else ""
        self.told.append(f"{end}: {question.profile} {question.host}{why}")


class Desk:
    def __init__(self, folder: Path) -> None:
        self.loop = ScriptedLoop()
        self.problems: list[str] = []
        self.file = folder / "agent" / "answers.json"
        self.watching = Watching()
        self.keys: dict[str, str] = {}
        self.restart()

    def key_of(self, profile: str) -> str:
        return self.keys.get(profile, "a key")

    def restart(self) -> None:
        """Another process of the agent."""
        self.questions = QuestionDesk(
            self.loop, Answers(self.file, self.problems.append), self.key_of, clock=self.loop.clock, seconds=60.0
        )
        self.questions.askers.append(self.watching)

    def ask(self, profile: str = "acme", host: str | None = "head", kind: str = "credential") -> Party:
        party = Party()
        self.questions.ask(kind, profile, host, party)  # type: ignore[arg-type] # a kind
        return party

    def answer(self, word: str, seconds: float = 0.0) -> None:
        [number] = [one["id"] for one in self.questions.pending()]
        assert self.questions.answer(number, yes=word == "yes", seconds=seconds)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_equal_questions_are_one_and_all_who_wait_get_the_answer(desk: Desk) -> None:
    parties = [desk.ask(), desk.ask(), desk.ask()]
    [question] = desk.questions.pending()
    assert {name: question[name] for name in ("kind", "profile", "host", "runs")} == {
        "kind": "credential",
        "profile": "acme",
        "host": "head",
        "runs": False,
    }
    assert (question["asked_at"], question["ends_at"]) == ("2027-01-15T08:00:00Z", "2027-01-15T08:01:00Z")
    assert [party.told for party in parties] == [[], [], []]
    desk.answer("yes")
    assert [party.said for party in parties] == ["yes"] * 3
    assert desk.watching.told == ["asks: credential acme head", "yes: acme head"]
    assert desk.loop.is_idle
    # "Once" is once.
    later = desk.ask()
    assert later.told == []


def test_two_hosts_and_two_profiles_are_separate_questions(desk: Desk) -> None:
    first, second, third, unknown = desk.ask(), desk.ask(host="other"), desk.ask("lab"), desk.ask(host=None)
    numbers = {(one["profile"], one["host"]): one["id"] for one in desk.questions.pending()}
    assert list(numbers) == [("acme", "head"), ("acme", "other"), ("lab", "head"), ("acme", None)]
    assert desk.questions.answer(numbers["acme", "other"], yes=True, seconds=HOUR)
    assert (first.told, second.said, third.told, unknown.told) == ([], "yes", [], [])
    assert not desk.questions.answer(numbers["acme", "other"], yes=True, seconds=0)
    assert desk.ask(host="other").said == "yes"


def test_a_question_without_an_answer_is_a_no_that_says_so(desk: Desk) -> None:
    party = desk.ask()
    desk.loop.wait(59.9)
    assert party.told == []
    desk.loop.wait(0.2)
    [refusal] = party.told
    assert refusal is not None
    assert (refusal.code, refusal.exit) == ("forbidden", 5)
    assert party.said == "the question about profile acme at the agent's machine had no answer within 1m 00s"
    assert "togetherctl agent answer" in str(refusal.hint)
    assert desk.questions.pending() == []


def test_a_no_says_who_and_for_how_long(desk: Desk) -> None:
    party = desk.ask()
    desk.answer("no", HOUR)
    assert party.said == (
        "the person at the agent's machine said no to the credential of profile acme for head; "
        "the answer counts for 1h 00m"
    )
    desk.loop.wait(HOUR / 2)
    assert desk.ask().said.endswith("the answer counts for 30m 00s")
    desk.loop.wait(HOUR / 2)
    assert desk.ask().told == []


def test_who_goes_away_takes_the_question_back(desk: Desk) -> None:
    first, second = Party(), Party()
    take_back_first = desk.questions.ask("credential", "acme", "head", first)
    take_back_second = desk.questions.ask("credential", "acme", "head", second)
    take_back_first()
    assert len(desk.questions.pending()) == 1
    take_back_second()
    take_back_second()
    assert desk.questions.pending() == []
    assert (first.told, second.told) == ([], [])
    assert desk.watching.told[-1] == "withdrawn: acme head"


def test_answers_survive_a_restart_and_end(desk: Desk) -> None:
    desk.ask()
    desk.answer("yes", HOUR)
    desk.ask(host="other")
    desk.answer("no", HOUR)
    assert desk.file.stat().st_mode & 0o777 == 0o600
    assert desk.file.parent.stat().st_mode & 0o777 == 0o700
    desk.restart()
    assert desk.ask().said == "yes"
    assert "said no" in desk.ask(host="other").said
    desk.loop.wait(HOUR)
    assert desk.ask().told == []


def test_an_answer_to_one_kind_is_none_to_the_other(desk: Desk) -> None:
    desk.ask()
    desk.answer("yes", HOUR)
    login = desk.ask(kind="login")
    assert login.told == []
    # However long the person says: a browser that opens by itself is asked for each time.
    desk.answer("yes", HOUR)
    assert login.said == "yes"
    assert desk.ask(kind="login").told == []


def test_no_to_a_login_is_remembered(desk: Desk) -> None:
    desk.ask(kind="login")
    desk.answer("no", HOUR)
    assert "said no to a login to profile acme for head" in desk.ask(kind="login").said
    assert desk.ask().told == []


def test_a_far_machine_cannot_nag(desk: Desk) -> None:
    asked = 0
    for _ in range(100):
        party = desk.ask()
        if not party.told:
            asked += 1
            desk.answer("no")
        else:
            assert party.said.startswith("head asked before and got no yes; the person at the agent's machine is not ")
        desk.loop.wait(5.0)
    assert asked == 6
    # Nor with names of other profiles; other hosts are not its fault.
    assert desk.ask("lab").told
    assert desk.ask(host="other").told == []


def test_who_takes_questions_back_cannot_nag_either(desk: Desk) -> None:
    for _ in range(100):
        desk.questions.ask("credential", "acme", "head", Party())()
        desk.loop.wait(5.0)
    assert desk.watching.told.count("asks: credential acme head") == 6


def test_a_yes_is_free(desk: Desk) -> None:
    for _ in range(50):
        party = desk.ask()
        desk.answer("yes")
        assert party.said == "yes"


def test_a_host_fills_no_screen(desk: Desk) -> None:
    parties = [desk.ask(f"p{number}") for number in range(20)]
    assert len(desk.questions.pending()) == 4
    assert [bool(party.told) for party in parties] == [False] * 4 + [True] * 16
    for number in range(100):
        desk.ask(host=f"host{number}")
    assert len(desk.questions.pending()) == 16


def test_hosts_that_are_made_up_do_not_fill_the_memory(desk: Desk) -> None:
    for number in range(500):
        desk.questions.ask("credential", "acme", f"host{number}", Party())()
    assert len(desk.questions._limits._ended) <= 65
    assert desk.watching.told.count("withdrawn: acme host499") == 0


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not JSON"),
        (b"\x00\xff garbage", "it is damaged"),
        (b"[]", "it is not of this version"),
        (b'{"version": 2, "answers": []}', "it is not of this version"),
        (b'{"version": 1, "answers": [{"profile": "acme"}]}', "it is damaged"),
        (
            b'{"version": 1, "answers": [{"kind":"login","profile":"a","key":"k","host":"b","yes":1,"until":9e9}]}',
            "it holds something else than answers",
        ),
        (b"[" * 100_000, "it is damaged"),
        (b" " * 300_000, "Larger than 256 KiB"),
    ],
)
def test_a_bad_file_is_one_sentence_and_the_person_is_asked(content: bytes, why: str, desk: Desk) -> None:
    desk.file.parent.mkdir(mode=0o700)
    desk.file.touch(mode=0o600)
    desk.file.write_bytes(content)
    assert [desk.ask().told, desk.ask(host="other").told] == [[], []]
    assert desk.problems == [f"{desk.file} cannot be used ({why}); what was answered before is asked again"]
    number = desk.questions.pending()[0]["id"]
    assert desk.questions.answer(number, yes=True, seconds=HOUR)
    desk.restart()
    assert desk.ask().said == "yes"
    assert len(desk.problems) == 1


def test_answers_that_others_could_have_written_do_not_count(desk: Desk) -> None:
    desk.ask()
    desk.answer("yes", HOUR)
    desk.file.chmod(0o666)
    assert desk.ask().told == []
    assert "others can write it" in desk.problems[0]
    desk.file.unlink()
    desk.file.symlink_to("/dev/zero")
    desk.restart()
    assert desk.ask().told == []


def test_a_clock_that_is_set_back_makes_no_answer_last_longer(desk: Desk) -> None:
    desk.ask()
    desk.answer("yes", HOUR)
    desk.loop.now -= 2 * 86_400
    assert desk.ask().told == []


def test_no_answer_lasts_longer_than_a_day(desk: Desk) -> None:
    desk.ask()
    desk.answer("yes", 1e9)
    desk.loop.wait(86_399)
    assert desk.ask().said == "yes"
    desk.loop.wait(2)
    assert desk.ask().told == []


@pytest.mark.parametrize("word", ["yes", "no"])
def test_an_answer_counts_for_no_other_login_of_the_same_name(desk: Desk, word: str) -> None:
    desk.ask()
    desk.answer(word, HOUR)
    desk.loop.wait(20.0)
    desk.keys["acme"] = "of another issuer"
    waits = desk.ask()
    assert waits.told == []
    # What comes in while that question is open, for the login of before, is known.
    del desk.keys["acme"]
    assert desk.ask().told != []
    desk.restart()
    assert desk.ask().told != []
    desk.keys["acme"] = "of another issuer"
    assert desk.ask().told == []


def test_what_was_agreed_to_and_not_handed_out_is_asked_for_once(desk: Desk) -> None:
    desk.ask()
    desk.answer("yes")
    desk.questions.not_handed_out("acme", "head")
    assert desk.ask().said == "yes"
    desk.questions.not_handed_out("acme", "head")
    assert desk.ask().told == [], "a yes lasts a minute, however often it is tried"
    desk.answer("yes")
    desk.questions.not_handed_out("acme", "head")
    desk.keys["acme"] = "of another issuer"
    assert desk.ask().told == []


def test_what_is_forgotten_elsewhere_is_asked_again(desk: Desk) -> None:
    desk.ask()
    desk.answer("yes", HOUR)
    desk.ask("lab")
    desk.answer("yes", HOUR)
    elsewhere = Answers(desk.file, desk.problems.append)
    assert elsewhere.keep(lambda one: one.profile != "acme", now=desk.loop.now) == 1
    assert (desk.ask().told, desk.ask("lab").said) == ([], "yes")
    assert elsewhere.keep(lambda _one: False, now=desk.loop.now) == 1
    assert not desk.file.exists()
    assert elsewhere.keep(lambda _one: False, now=desk.loop.now) == 0


def test_an_answer_that_cannot_be_written_still_counts_once(desk: Desk) -> None:
    desk.file.parent.mkdir(parents=True)
    desk.file.mkdir()
    party = desk.ask()
    desk.answer("yes", HOUR)
    assert party.said == "yes"
    assert any(problem.startswith("the answer is not remembered: ") for problem in desk.problems)
    assert desk.ask().told == []


def test_a_login_that_runs_is_shown_and_can_be_ended(desk: Desk) -> None:
    stopped = []
    over = desk.questions.show_login("acme", "head", 300.0, lambda: stopped.append(1))
    [running] = desk.questions.pending()
    assert (running["kind"], running["runs"], running["ends_at"]) == ("login", True, "2027-01-15T08:05:00Z")
    # There is nothing to agree to any more.
    assert not desk.questions.answer(running["id"], yes=True, seconds=0)
    assert desk.questions.answer(running["id"], yes=False, seconds=0)
    assert stopped == [1]
    over("no")
    over("no")
    assert desk.questions.pending() == []
    assert desk.watching.told == ["running: login acme head", "no: acme head"]
    # One kubectl calls several times.
    assert "is not asked again for 15s" in desk.ask(kind="login").said
    desk.loop.wait(16.0)
    assert desk.ask(kind="login").told == []


def test_a_login_that_failed_is_told_here_too(desk: Desk) -> None:
    desk.questions.show_login("acme", "head", 300.0, lambda: None)("no", "profile acme: no browser can be opened")
    assert desk.watching.told[-1] == "no: acme head: profile acme: no browser can be opened"
    [failed] = desk.questions.failed()
    assert (failed["host"], failed["message"]) == ("head", "profile acme: no browser can be opened")
    assert "is not asked again for 15s" in desk.ask(kind="login").said
    desk.loop.wait(61.0)
    assert desk.questions.failed() == []


def test_what_a_login_was_for_is_handed_out_once_without_a_question(desk: Desk) -> None:
    desk.questions.show_login("acme", "head", 300.0, lambda: None)("yes")
    assert desk.ask(host="other").told == []
    assert desk.ask().said == "yes"
    assert desk.ask().told == []
    desk.questions.show_login("acme", "lazy", 300.0, lambda: None)("yes")
    desk.loop.wait(61.0)
    assert desk.ask(host="lazy").told == []


def test_a_question_whose_end_passed_while_the_machine_slept_takes_no_answer(tmp_path: Path) -> None:
    """The loop's timers stand still in that time, and a notification may stand on the screen for hours."""
    now = 1_000_000.0
    file = tmp_path / "agent" / "answers.json"
    questions = QuestionDesk(ScriptedLoop(), Answers(file, print), str, clock=lambda: now, seconds=60.0)
    party = Party()
    questions.ask("credential", "acme", "head", party)
    [number] = [one["id"] for one in questions.pending()]
    now += 8 * HOUR
    assert not questions.answer(number, yes=True, seconds=HOUR)
    assert "had no answer within" in party.said
    assert questions.pending() == []
    assert not file.exists()
