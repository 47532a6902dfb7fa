"""Start here: the scripts `togetherctl` and `kubectl-together_login` both end in `main`."""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
else:
    # The module itself, without the names that an enumeration gives its numbers.
    import _signal as signal

_PLUGIN = "kubectl-together_login"


def main() -> None:
    """Run the command line of this process and end it with the exit code."""
    _fill_missing_streams()
    program, arguments = _read_name(sys.argv)
    from togetherctl.fastpath import serve

    code = serve(arguments, os.environ)
    if code is None and arguments[:1] == ["get-token"] and arguments[1:2] != ["--profile"]:
        from togetherctl.plugin_words import find_credential

        code = serve(arguments, os.environ, find_credential)
    if code is None and arguments[-1:] in (["--help"], ["-h"]):
        from togetherctl.cli.quick_help import show

        code = show(program, arguments, os.environ)
    if code is not None:
        # Nothing was begun that would have to be ended.
        os._exit(code)
    try:
        if arguments[:1] == ["get-token"]:
            import gc

            # It ends before there is anything worth collecting.
            gc.disable()
        _end_in_order()
        code = _run(arguments, program)
        if arguments[:1] == ["get-token"]:
            _end_at_once(code)
    except KeyboardInterrupt:
        # Before or after a run that says so itself.
        os.write(2, b"interrupted; what was done before stays\n")
        os._exit(130)
    sys.exit(code)


def _run(arguments: "list[str]", program: str) -> int:
    if len(arguments) in (3, 5) and arguments[:2] == ["get-token", "--profile"] and not arguments[2].startswith("-"):
        # As kubeconfigs call it, which need no command line; those for clients that know v1beta1 alone name a version.
        from togetherctl.cli.exec_plugin import get_token
        from togetherctl.kube.exec_credential import VERSIONS

        option, version = arguments[3:] or ("--api-version", "v1")
        if option == "--api-version" and version in VERSIONS:
            return get_token(arguments[2], os.environ, otherwise=VERSIONS[version])
    if arguments[:1] == ["get-token"] and "".join(arguments[1:2]).startswith("--"):
        from togetherctl.plugin_words import read_words

        try:
            words = read_words(arguments, os.environ)
        except OSError:
            words = None
        if words is not None:
            from togetherctl.cli.exec_plugin import get_token_by_flags

            return get_token_by_flags(words, os.environ, program)
    if len(arguments) == 4 and arguments[::2] == ["refresh", "--behind"] and arguments[3].isdecimal():
        # As `auth/background_refresh.py` calls it.
        from togetherctl.cli.exec_plugin import refresh_behind

        return refresh_behind(arguments[1], int(arguments[3]), os.environ)
    from togetherctl.commands.run import run

    return run(arguments, os.environ, program=program)


def _fill_missing_streams() -> None:
    """Put the null device where a caller closed stdin, stdout or stderr: the next file opened would land there."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 # open as long as we run
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 # as above
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 # as above


def _end_in_order() -> None:
    """Let a closed terminal or a polite request to end unwind what is under way, such as a login others wait for."""

    def end(number: int, _frame: object) -> None:
        sys.exit(128 + number)

    for name in ("SIGHUP", "SIGTERM"):
        number = getattr(signal, name, None)
        # Who started us with nohup meant it.
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, end)


def _end_at_once(code: int) -> None:
    """End this process, where nothing waits for the end of Python: to take it apart costs more than a token does."""
    import atexit

    threads = sys.modules.get("threading")
    if threads and any(not each.daemon for each in threads.enumerate() if each is not threads.main_thread()):
        return
    if atexit._ncallbacks():  # noqa: SLF001 # nothing public tells
        return
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        return  # Python's own end has words for that
    os._exit(code)


def _read_name(words: "list[str]") -> "tuple[str, list[str]]":
    """Which of our programs is meant, by the name of the script or by the first word, and the arguments after that."""
    # os.path, because pathlib would be the slowest thing on the way to a token.
    name = os.path.basename(words[0]).removesuffix(".exe")  # noqa: PTH119 # as said above
    if words[1:2] == [_PLUGIN]:
        name, words = _PLUGIN, words[1:]
    return "kubectl together-login" if name == _PLUGIN else "togetherctl", words[1:]


if __name__ == "__main__":
    main()
