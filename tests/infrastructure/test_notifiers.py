"""Each notifier against the real thing: a program, a web server, a mail server, a plugin; none of them tells a secret."""

from __future__ import annotations

import json
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from yamlflow_nb.domain.mask import Mask
from yamlflow_nb.domain.notice import Notice
from yamlflow_nb.domain.ports.notices import NotSent
from yamlflow_nb.infrastructure.configuration import ConfiguredSettings
from yamlflow_nb.infrastructure.notifiers import configured
from yamlflow_nb.infrastructure.notifiers.configured import ConfiguredNotifiers
from yamlflow_nb.infrastructure.texts.rendering import Renderer

SECRET = "hush-hush-4711"


def notice(folder: Path, name: str = "team", kind: str = "waiting", **told: Any) -> Notice:
    context = {
        "kind": kind, "node": "review", "pipeline": "flights", "version": None, "execution": "20250131-120000-abcdef",
        "status": "waiting", "reason": None, "initiator": "ann", "folder": str(folder), "at": 1.0, "error": None, "failed": [],
        "title": "Publish\nit?", "message": None, **told,
    }  # fmt: skip
    return Notice(f"n/{kind}", "20250131-120000-abcdef", name, kind, "review", 1.0, context)


@pytest.fixture
def notifiers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ConfiguredNotifiers]:
    monkeypatch.setenv("YAMLFLOW_SECRET_TOKEN", SECRET)
    render = Renderer()
    yield ConfiguredNotifiers(ConfiguredSettings(), render)
    render.close()


def configure(folder: Path, text: str) -> None:
    (folder / "yamlflow.toml").write_text(text, encoding="utf-8")


# --- a command -----------------------------------------------------------------------------------------------------


def test_a_command_gets_the_text_and_what_it_is_about(tmp_path: Path, notifiers: ConfiguredNotifiers) -> None:
    out = tmp_path / "out.json"
    code = (
        "import json, os, sys; told = {n: v for n, v in os.environ.items() if n.startswith('YAMLFLOW_')}; "
        "json.dump({'text': sys.stdin.read(), 'told': told}, open(sys.argv[1], 'w'))"
    )
    words = json.dumps([sys.executable, "-c", code, str(out)])
    configure(tmp_path, f'[notifiers.team]\ncommand = {words}\nenv = {{TOKEN = "{{{{ secrets.token }}}}"}}')
    notifiers.send(notice(tmp_path, message="Look at it"))
    found = json.loads(out.read_text(encoding="utf-8"))
    assert found["text"].startswith("Look at it\n") and "execution 20250131-120000-abcdef: waiting" in found["text"]
    assert found["told"]["YAMLFLOW_SUBJECT"] == "flights waits for a decision: Publish it?"
    assert json.loads(found["told"]["YAMLFLOW_NOTICE"])["node"] == "review"


@pytest.mark.trust("B20")
def test_what_a_command_complains_of_is_told_without_the_secret(tmp_path: Path, notifiers: ConfiguredNotifiers) -> None:
    words = json.dumps([sys.executable, "-c", "import os, sys; sys.exit('no: ' + os.environ['TOKEN'])"])
    configure(tmp_path, f'[notifiers.team]\ncommand = {words}\nenv = {{TOKEN = "{{{{ secrets.token }}}}"}}')
    with pytest.raises(NotSent) as error:
        notifiers.send(notice(tmp_path))
    assert "ended with 1: no: •••" in str(error.value) and SECRET not in str(error.value) and error.value.again


def test_a_program_that_is_not_there_is_not_called_again(tmp_path: Path, notifiers: ConfiguredNotifiers) -> None:
    configure(tmp_path, '[notifiers.team]\ncommand = ["/no/such/program"]')
    with pytest.raises(NotSent, match="cannot be started") as error:
        notifiers.send(notice(tmp_path))
    assert not error.value.again


# --- a webhook -----------------------------------------------------------------------------------------------------


class Web:
    """A web server that remembers, and answers as it is told."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, str], Any]] = []
        self.answers: list[int] = []
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                web.got.append((self.path, dict(self.headers), body))
                self.send_response(web.answers.pop(0) if web.answers else 204)
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def web() -> Iterator[Web]:
    made = Web()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_a_webhook_gets_json_and_its_secret_only_there(tmp_path: Path, notifiers: ConfiguredNotifiers, web: Web) -> None:
    secret = "{{ secrets.token }}"
    configure(tmp_path, f'[notifiers.team]\nwebhook = "{web.address}/{secret}"\nheaders = {{Authorization = "Bearer {secret}"}}')
    notifiers.send(notice(tmp_path))
    ((path, headers, body),) = web.got
    assert path == f"/{SECRET}" and headers["Authorization"] == f"Bearer {SECRET}"
    assert body["subject"].startswith("flights waits") and body["notice"]["node"] == "review" and SECRET not in json.dumps(body)


def test_a_chat_gets_the_one_field_that_it_wants(tmp_path: Path, notifiers: ConfiguredNotifiers, web: Web) -> None:
    configure(tmp_path, f'[notifiers.team]\nwebhook = "{web.address}"\nfield = "content"')
    notifiers.send(notice(tmp_path, message="hello"))
    assert list(web.got[0][2]) == ["content"] and web.got[0][2]["content"].startswith("hello")


@pytest.mark.parametrize(("answer", "again"), [(500, True), (503, True), (429, True), (408, True), (400, False), (404, False)])
def test_what_the_other_side_refuses_for_good_is_not_tried_again(
    tmp_path: Path, notifiers: ConfiguredNotifiers, web: Web, answer: int, again: bool
) -> None:
    configure(tmp_path, f'[notifiers.team]\nwebhook = "{web.address}/{{{{ secrets.token }}}}"')
    web.answers = [answer]
    with pytest.raises(NotSent, match=f"answered {answer}") as error:
        notifiers.send(notice(tmp_path))
    assert error.value.again is again and SECRET not in str(error.value)


@pytest.mark.parametrize("address", ["file:///etc/passwd", "ftp://example.org"])
def test_a_webhook_is_http_alone(tmp_path: Path, notifiers: ConfiguredNotifiers, address: str) -> None:
    configure(tmp_path, f'[notifiers.team]\nwebhook = "{address}"')
    with pytest.raises(NotSent, match="begins with https://") as error:
        notifiers.send(notice(tmp_path))
    assert not error.value.again


# --- an e-mail -----------------------------------------------------------------------------------------------------


class Mailbox:
    """What the mail server takes; receivers in ``refused`` it does not."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.logins: list[tuple[bytes, bytes]] = []
        self.refused: dict[str, str] = {}

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(envelope)
        return "250 OK"

    def login(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == SECRET.encode(), handled=False)


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    box = Mailbox()
    for left in (2, 1, 0):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server = Controller(box, hostname="127.0.0.1", port=port, authenticator=box.login, auth_require_tls=False)
        try:
            server.start()
            break
        except OSError:  # somebody else has taken it
            if not left:
                raise
    yield box, port
    server.stop()


def mail(port: int, more: str = "") -> str:
    to = 'email = ["ann@example.org", "bob@example.org"]\nfrom = "flow@example.org"'
    return f'[notifiers.team]\n{to}\nhost = "127.0.0.1"\nport = {port}\nsecurity = "none"\n{more}'


def test_a_mail_arrives_at_a_real_server(tmp_path: Path, notifiers: ConfiguredNotifiers, mailbox: tuple[Mailbox, int]) -> None:
    box, port = mailbox
    configure(tmp_path, mail(port, 'user = "flow"\npassword = "{{ secrets.token }}"'))
    notifiers.send(notice(tmp_path, message="Größe: 3 rows"))
    (envelope,) = box.mails
    from email import message_from_bytes, policy

    got = message_from_bytes(envelope.content, policy=policy.default)
    assert envelope.rcpt_tos == ["ann@example.org", "bob@example.org"] and got["From"] == "flow@example.org"
    assert got["Subject"] == "flights waits for a decision: Publish it?"
    assert got.get_content().startswith("Größe: 3 rows") and SECRET.encode() not in envelope.content
    assert box.logins == [(b"flow", SECRET.encode())]


def test_a_subject_cannot_smuggle_a_header(tmp_path: Path, notifiers: ConfiguredNotifiers, mailbox: tuple[Mailbox, int]) -> None:
    box, port = mailbox
    configure(tmp_path, mail(port))
    notifiers.send(notice(tmp_path, title="x\r\nBcc: eve@example.org\r\n\r\nhello"))
    assert box.mails[0].rcpt_tos == ["ann@example.org", "bob@example.org"]
    assert b"\nBcc:" not in box.mails[0].content


@pytest.mark.trust("B20")
def test_a_wrong_password_is_refused_without_telling_it(
    tmp_path: Path, notifiers: ConfiguredNotifiers, mailbox: tuple[Mailbox, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YAMLFLOW_SECRET_TOKEN", "not-the-right-one")
    configure(tmp_path, mail(mailbox[1], 'user = "flow"\npassword = "{{ secrets.token }}"'))
    with pytest.raises(NotSent, match="535") as error:
        notifiers.send(notice(tmp_path))
    assert "not-the-right-one" not in str(error.value) and not error.value.again


@pytest.mark.parametrize(("answer", "again"), [("550 no such box", False), ("451 later", True)])
def test_receivers_that_the_server_refuses(
    tmp_path: Path, notifiers: ConfiguredNotifiers, mailbox: tuple[Mailbox, int], answer: str, again: bool
) -> None:
    box, port = mailbox
    box.refused = dict.fromkeys(("ann@example.org", "bob@example.org"), answer)
    configure(tmp_path, mail(port))
    with pytest.raises(NotSent, match="takes no mail for") as error:
        notifiers.send(notice(tmp_path))
    assert error.value.again is again


def test_a_password_does_not_go_over_an_open_line(
    tmp_path: Path, notifiers: ConfiguredNotifiers, mailbox: tuple[Mailbox, int]
) -> None:
    """``starttls`` is what is meant where nothing is said; a server without it gets nothing."""
    configure(tmp_path, mail(mailbox[1], 'user = "flow"\npassword = "{{ secrets.token }}"').replace('security = "none"\n', ""))
    with pytest.raises(NotSent, match="STARTTLS"):
        notifiers.send(notice(tmp_path))
    assert mailbox[0].logins == [] and ssl.create_default_context().check_hostname


# --- configuration, plugins, texts ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "there is no notifier `team`; configured: none"),
        ('[notifiers.other]\ncommand = ["x"]', "there is no notifier `team`; configured: other"),
        ('[notifiers.team]\ncommand = "notify-send"', "[notifiers.team] command: Input should be a valid list"),
        ('[notifiers.team]\ncommand = ["x"]\ncomand = 1', "[notifiers.team] comand: Extra inputs are not permitted"),
        ('[notifiers.team]\npager = "x"', "there is no kind of notifier `pager`; there are: command, email, webhook"),
        ('[notifiers.team]\nwebhook = "http://x/{{ secrets.nosuch }}"', "there is no secret `nosuch`"),
        ('[notifiers.team]\nwebhook = "http://x/{{ extract.n }}"', "has no value here"),
        ("notifiers = 3", "`notifiers` is no table"),
    ],
)
def test_a_wrong_configuration_is_named_and_not_tried_again(
    tmp_path: Path, notifiers: ConfiguredNotifiers, text: str, told: str
) -> None:
    configure(tmp_path, text)
    with pytest.raises(NotSent) as error:
        notifiers.send(notice(tmp_path))
    assert told in str(error.value) and not error.value.again


class Pager:
    """A plugin."""

    api = 1
    sent: list[Any] = []

    @classmethod
    def model_validate(cls, table: dict[str, Any]) -> Pager:
        made = cls()
        made.table = table  # type: ignore[attr-defined]
        return made

    def send(self, message: Any) -> None:
        self.sent.append((self.table, message))  # type: ignore[attr-defined]


def test_a_plugin_gets_its_table_and_the_message(
    tmp_path: Path, notifiers: ConfiguredNotifiers, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = EntryPoint("pager", f"{__name__}:Pager", configured.GROUP)
    monkeypatch.setattr(type(entry), "load", lambda self: Pager)
    monkeypatch.setattr(configured, "entry_points", lambda group, name=None: [entry])
    configure(tmp_path, '[notifiers.team]\ntype = "pager"\nnumber = "{{ secrets.token }}"')
    notifiers.send(notice(tmp_path))
    assert Pager.sent[0][0] == {"type": "pager", "number": SECRET} and Pager.sent[0][1].subject.startswith("flights waits")
    monkeypatch.setattr(Pager, "api", 2)
    with pytest.raises(NotSent, match="made for api 2, this is 1"):
        notifiers.send(notice(tmp_path))


def test_a_user_s_own_text_comes_first_and_that_for_one_kind_before(
    tmp_path: Path, notifiers: ConfiguredNotifiers, web: Web
) -> None:
    configure(tmp_path, f'[notifiers.team]\nwebhook = "{web.address}"')
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "notification.txt").write_text("{{ subject }} | {{ upper(pipeline) }}", encoding="utf-8")
    (tmp_path / "templates" / "notification.failed.txt").write_text(
        "{% for one in failed %}{{ one.node }} {% endfor %}", encoding="utf-8"
    )
    notifiers.send(notice(tmp_path))
    notifiers.send(notice(tmp_path, kind="failed", failed=[{"node": "a", "error": "x"}, {"node": "b", "error": "y"}]))
    assert [body["text"] for _, _, body in web.got] == ["flights waits for a decision: Publish it? | FLIGHTS", "a b "]


def test_a_text_that_cannot_be_rendered_does_not_keep_the_news(tmp_path: Path, notifiers: ConfiguredNotifiers, web: Web) -> None:
    configure(tmp_path, f'[notifiers.team]\nwebhook = "{web.address}"')
    notifiers.send(notice(tmp_path, message={"template": "{% if true %}{{ nosuch.n }}{% endif %}", "values": {}}))
    text = web.got[0][2]["text"]
    assert text.startswith("flights: waiting, execution") and "its text cannot be rendered: 'nosuch' is undefined" in text


def test_only_the_secrets_that_a_notifier_names_are_looked_for(tmp_path: Path, notifiers: ConfiguredNotifiers) -> None:
    configure(tmp_path, '[notifiers.team]\ncommand = ["x"]\n[secrets]\nother = {file = "/no/such/file"}')
    assert notifiers.notifier(tmp_path, "team", Mask()) is not None
