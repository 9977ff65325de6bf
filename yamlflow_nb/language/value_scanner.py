"""``{{ ... }}`` token by token, before Python's parser sees it: where it ends, how large it may be, and what it may not hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NoReturn

from yamlflow_nb.language.lookalikes import latin, lookalike
from yamlflow_nb.language.problem import ExpressionSyntaxError, Problem
from yamlflow_nb.language.value_advice import Token, question, unclosed_bracket

MOST_CHARACTERS = 4096
MOST_NODES = 400
MOST_DEPTH = 48

_STRING = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
_BESIDE_TEXTS = (
    r"(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<foreign>&&|\|\||event:|!(?!=)|;|\\|#|`|\$|@|\*\*|:=|->)"
    r"|(?P<operator>==|!=|<=|>=|//|[-+*/%<>=|,.:~^&?])|(?P<number>\d[\w.]*)|(?P<word>[^\W\d]\w*)|(?P<space>\s+)|(?P<other>.)"
)
_TOKEN = re.compile(rf"(?P<string>{_STRING})|{_BESIDE_TEXTS}", re.DOTALL)
_TOKEN_BEHIND_OPEN_TEXT = re.compile(_BESIDE_TEXTS, re.DOTALL)
_WORDS = {"&&": ("and", "`&&` joins conditions of a trigger; inside {{ }} it is `and`"),
          "||": ("or", "`||` joins conditions of a trigger; inside {{ }} it is `or`"),
          "!": ("not ", "`!` negates conditions of a trigger; inside {{ }} it is `not`")}  # fmt: skip


def value_tokens(text: str, position: int = 0) -> Iterator[re.Match[str]]:
    """The tokens of a value expression from a place on. Behind a quote that nothing closes no more texts are looked for: each
    try would go to the end."""
    pattern = _TOKEN
    while (found := pattern.match(text, position)) is not None:
        if found.lastgroup == "other" and found.group() in "'\"":
            pattern = _TOKEN_BEHIND_OPEN_TEXT
        yield found
        position = found.end()


def closing_braces(text: str, opened: int) -> int:
    """The offset behind the first ``}}`` that closes ``{{`` at ``opened``, outside string literals and brackets; -1 if none."""
    depth, position = 0, opened + 2
    for found in value_tokens(text, position):
        kind = found.lastgroup
        if kind == "close" and depth == 0:
            return found.start() + 2 if text.startswith("}}", found.start()) else -1
        if kind == "open":
            depth += 1
        elif kind == "close":
            depth -= 1
    return -1


def unclosed(text: str, opened: int) -> ExpressionSyntaxError:
    """The finding for a ``{{`` that nothing closes."""
    hint = "close it with }}; a literal {{ in a text is written {{ '{{' }}"
    bracket = unclosed_bracket(value_tokens(text, opened + 2), text)
    if bracket is not None:
        return ExpressionSyntaxError([bracket])
    return ExpressionSyntaxError([Problem("YF213", "`{{` is never closed by `}}`", opened, opened + 2, hint)])


class ValueScanner:
    """One expression with its place in a text."""

    def __init__(self, text: str, start: int, end: int, in_trigger: bool) -> None:
        self.text = text
        self.in_trigger = in_trigger
        self.start = start
        self.end = end
        self.inner = text[start + 2 : end - 2]

    def fail(self, code: str, message: str, start: int, end: int, hint: str | None = None, fix: object = None) -> NoReturn:
        raise ExpressionSyntaxError([Problem(code, message, start, max(end, start + 1), hint, fix)])  # type: ignore[arg-type]

    def scan(self) -> None:
        """Refuse by token what Python would read otherwise, or not bear: size, nesting, operators of triggers."""
        self._not_too_long()
        base = self.start + 2
        opened: list[tuple[str, int]] = []
        tokens = unary = 0
        for found in value_tokens(self.inner):
            kind, token, at = found.lastgroup, found.group(), base + found.start()
            if kind == "space":
                continue
            tokens += 1
            unary = unary + 1 if token in ("-", "+", "~", "not") else 0
            if kind == "open":
                opened.append((token, at))
            elif kind == "close" and opened:
                self._closed(token, at, *opened.pop())
            elif kind == "foreign":
                self._foreign(token, at, found.start())
            elif kind == "other" or token in ("~", "^", "&", "?"):
                self._odd(token, at)
            elif token == "=":  # noqa: S105
                self._assignment(at, found.start())
            elif kind == "word" and not token.isascii() and (meant := latin(token)) is not None:
                self._letters(token, at, meant)
            if len(opened) > MOST_DEPTH or unary > MOST_DEPTH or tokens > 3 * MOST_NODES:
                self.fail(
                    "YF209",
                    f"the expression is too deep or too long ({MOST_DEPTH} levels, {MOST_NODES} parts)",
                    at,
                    at + len(token),
                )
        if opened:
            token, at = opened[-1]
            self.fail("YF202", f"`{token}` is never closed", at, at + 1)

    def _not_too_long(self) -> None:
        """Refuse an expression that is empty, or longer than any is."""
        if len(self.inner) > MOST_CHARACTERS:
            self.fail(
                "YF209",
                f"the expression has {len(self.inner)} characters; the limit is {MOST_CHARACTERS}",
                self.start,
                self.start + 2,
            )
        if not self.inner.strip():
            self.fail(
                "YF203",
                "nothing stands between {{ and }}",
                self.start,
                self.end,
                "write a name or a value: {{ extract.row_count }}",
            )

    def _closed(self, token: str, at: int, opening: str, opened: int) -> None:
        if f"{opening}{token}" not in ("()", "[]", "{}"):
            self.fail("YF202", f"`{token}` does not close the `{opening}` before it", at, at + 1)

    def _odd(self, token: str, at: int) -> NoReturn:
        """A sign that the language does not have."""
        inside = range(self.start + 2, self.end - 2)
        texts = [found.span() for found in value_tokens(self.inner) if found.lastgroup == "string"]
        skipped = frozenset(place + self.start + 2 for first, last in texts for place in range(first, last))
        if token == "?":  # noqa: S105
            tokens = self.listed()
            number = next(index for index, one in enumerate(tokens) if one.start == at)
            raise ExpressionSyntaxError([question(tokens, number, self.text, self.start, self.end)])
        problem = lookalike("YF208", self.text, at, inside, skipped)
        if problem is not None:
            raise ExpressionSyntaxError([problem])
        if token in ("'", '"'):
            self.fail("YF202", f"the text that begins with {token} is not closed", at, at + 1)
        self.fail("YF208", f"{token!r} has no meaning in an expression", at, at + 1)

    def _letters(self, token: str, at: int, meant: str) -> NoReturn:
        """A name with a letter of another script that looks like one of ours."""
        first = next(place for place, char in enumerate(token) if not char.isascii())
        problem = lookalike("YF208", self.text, at + first, range(at, at + len(token)))
        message = problem.message if problem is not None else f"`{token}` has letters of another script"
        self.fail(
            "YF208", message, at + first, at + first + 1, f"write {meant}", (f"write `{meant}`", [(at, at + len(token), meant)])
        )

    def listed(self) -> list[Token]:
        base = self.start + 2
        found = (one for one in value_tokens(self.inner) if one.lastgroup != "space")
        return [Token(str(one.lastgroup), one.group(), base + one.start()) for one in found]

    def _foreign(self, token: str, at: int, position: int) -> None:
        if token in _WORDS:
            word, message = _WORDS[token]
            plain = token != "!"  # noqa: S105
            spaced = f" {word} " if plain and not self.inner[position - 1 : position].isspace() else word
            self.fail("YF207", message, at, at + len(token), None, (f"write `{word.strip()}`", [(at, at + len(token), spaced)]))
        if token == "event:":  # noqa: S105
            name = re.match(r"[\w*.]+", self.inner[position + 6 :])
            end = at + 6 + (name.end() if name else 0)
            hint = 'write "event:a.completed && {{ a.n > 0 }}"'
            self.fail("YF207", "`event:` stands outside {{ }}", at, end, hint, self._event_outside(at, end))
        if token == "**" and re.search(r"[(,]\s*\Z", self.inner[:position]):  # noqa: S105
            self.fail("YF208", "`**` hands over no arguments: each is written by itself", at, at + 2)
        reasons = {
            "**": "powers are not in the language",
            ";": "an expression is one value; `;` is not in the language",
            ":=": "an expression assigns nothing",
        }
        self.fail("YF208", reasons.get(token, f"`{token}` is not in the language of value expressions"), at, at + len(token))

    def _event_outside(self, at: int, end: int) -> object:
        """The fix that takes an event out of the braces, where it stands first in them, alone or joined by ``and``."""
        joined = re.match(r"\s*(?:(?P<join>&&|and\b)\s*|\Z)", self.text[end : self.end - 2])
        if not joined or not self.in_trigger or self.text[self.start + 2 : at].strip():
            return None
        atom = self.text[at:end]
        if joined["join"] is None:
            return f"write `{atom}`", [(self.start, self.end, atom)]
        return "take the event out of the braces", [(self.start, end + joined.end(), f"{atom} && {{{{ ")]

    def _assignment(self, at: int, position: int) -> None:
        """A lone ``=`` is right only before a function's named argument."""
        if self.inner[:position].endswith(("==", "!=")):
            kept = self.inner[position - 2 : position]
            fix = (f"write `{kept}`", [(at, at + 1, "")])
            self.fail("YF212", f"`{kept}=` is written `{kept}`", at - 2, at + 1, None, fix)
        before = self.inner[:position].rstrip()
        depth = before.count("(") - before.count(")")
        if depth <= 0 or not re.search(r"[(,]\s*[A-Za-z_]\w*$", before):
            self.fail(
                "YF212",
                "`=` assigns; an expression compares with `==`",
                at,
                at + 1,
                "did you mean `==`?",
                ("write `==`", [(at, at + 1, "==")]),
            )
