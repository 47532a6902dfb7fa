"""A terminal or pipe that stands still does not hold up the agent."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from tests.agent.running_agent import RunningAgent, call
from togetherctl.agent.output import Output


@pytest.mark.skipif(sys.platform != "linux", reason="the size of a pipe is set on Linux alone")
@pytest.mark.usefixtures("asking")
def test_an_agent_whose_terminal_stands_still_goes_on(agent: RunningAgent) -> None:
    """As with Ctrl-S in its terminal, or `agent run | less`."""
    import fcntl

    agent.start()
    assert agent.process is not None
    assert agent.process.stdout is not None
    fcntl.fcntl(agent.process.stdout.fileno(), fcntl.F_SETPIPE_SZ, 4096)
    sockets = [agent.forward(f"node{number}-{'x' * 200}") for number in range(40)]
    for path in sockets:
        assert call(path, "GET", "/v1/credentials/other")[0] == 404
    assert call(agent.control, "GET", "/v1/status")[0] == 200
    # Ctrl-C ends it as well, though no process reads.
    agent.process.send_signal(signal.SIGINT)
    assert agent.process.wait(30) == 130
    agent.process.communicate()
    agent.process = None


def test_lines_that_a_stream_does_not_take_are_counted_and_all_others_come() -> None:
    reading, writing = os.pipe()
    with open(writing, "w", encoding="utf-8") as stream, open(reading, encoding="utf-8") as pipe:
        output = Output(stream)
        for number in range(5000):
            output.say(f"{number} {'x' * 100}")
        first = [pipe.readline() for _ in range(200)]
        assert [line.split()[0] for line in first] == [str(number) for number in range(200)]
        output.say("then")
        output.end()
        stream.close()
        rest = pipe.read().splitlines()
    assert rest[-1] == "then"
    # More than one such line where the thread was slow to begin.
    left_out = [int(line.removeprefix("(").split()[0]) for line in rest if "are left out here" in line]
    assert left_out
    assert len(first) + len(rest) - 1 - len(left_out) + sum(left_out) == 5000
