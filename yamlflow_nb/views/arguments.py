"""A line after ``%pipeline VERB`` → options; what is not known is refused before anything runs."""

from __future__ import annotations

import argparse
import re
import shlex
from difflib import get_close_matches
from typing import Any, NoReturn

from yamlflow_nb.services.command_error import CommandError


class Arguments(argparse.ArgumentParser):
    """The arguments of one verb: no shortened flags, no exit, errors with a hint."""

    def __init__(self, verb: str) -> None:
        super().__init__(prog=f"%pipeline {verb}", add_help=False, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """What is wrong with the line, and the flag that was meant."""
        raise CommandError("YF712", f"{self.prog}: {message}", nearest_flag(message, self) or self.format_usage().strip())

    def read(self, line: str) -> Any:
        """The options of a line. Raises ``CommandError`` (YF712)."""
        try:
            words = shlex.split(line)
        except ValueError as error:
            self.error(str(error).lower())
        return self.parse_args(words)


def nearest_flag(message: str, parser: argparse.ArgumentParser) -> str | None:
    """``did you mean `--wait`?`` for a flag that is not known."""
    wrong = re.search(r"(?:unrecognized arguments|option): .*?(--?[\w-]+)", message)
    known = [flag for action in parser._actions for flag in action.option_strings]
    near = get_close_matches(wrong[1], known, 1) if wrong else []
    return f"did you mean `{near[0]}`?" if near else None
