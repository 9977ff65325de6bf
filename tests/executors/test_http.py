"""Requests to a real server on this machine."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.executors.running import Folder, failure
from tests.executors.test_shell import until
from yamlflow_nb.executors import http_answer
from yamlflow_nb.testing import validate

SECRET = "canary-7f3a-9b21"


class Handler(BaseHTTPRequestHandler):
    """Answers by path; keeps what it was asked."""

    server: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, status: int = 200, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"content_type": "text/plain", "content_length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        asked = {"method": self.command, "path": self.path, "body": self.rfile.read(length).decode("utf-8", "replace")}
        asked["headers"] = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append(asked)
        path, _, query = self.path.partition("?")
        if path == "/echo":
            self.answer(200, json.dumps(asked).encode(), content_type="application/json; charset=utf-8")
        elif path.startswith("/status/"):
            self.answer(int(path.rpartition("/")[2]), b'{"why": "because"}', content_type="application/json")
        elif path == "/to":
            self.answer(int(self.headers.get("x-status", 302)), location=query)
        elif path == "/bytes":
            self.answer(200, bytes(range(256)) * int(query or 1), content_type="application/octet-stream")
        elif path == "/gzip":
            self.answer(200, gzip.compress(b"x" * int(query)), content_encoding="gzip")
        elif path == "/text":
            self.answer(200, "größer\n".encode("latin-1"), content_type="text/plain; charset=latin-1")
        elif path == "/broken":
            self.answer(200, b'{"a": ', content_type="application/json")
        elif path == "/cut":
            self.answer(200, b"half", content_length="8")
            self.close_connection = True
        elif path == "/slow":
            self.server.hung.set()
            self.server.let_go.wait(60)
        else:
            self.answer(404, b"there is no such page")

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = do


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[dict[str, Any]] = []
        self.hung = threading.Event()
        self.let_go = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield made
    made.let_go.set()
    made.shutdown()
    made.server_close()


def test_an_answer_of_json_is_a_value(folder: Folder, server: Server) -> None:
    execution = folder.node("http", {"n": 3}, url=server.url + "/echo?n={{ pipeline.input.n }}")
    outputs = execution.nodes["a"].outputs
    assert (outputs["status"], outputs["body"]["path"], outputs["body"]["method"]) == (200, "/echo?n=3", "GET"), str(execution)
    assert outputs["headers"]["content-type"] == "application/json; charset=utf-8"


def test_a_body_goes_out_as_json_or_as_text(folder: Folder, server: Server) -> None:
    for given, told, kind in (
        ({"a": [1, None], "b": "{{ pipeline.input.x }}"}, '{"a": [1, null], "b": "é"}', "application/json"),
        ("so {{ pipeline.input.x }}", "so é", "text/plain; charset=utf-8"),
        ("{{ [1, 2] }}", "[1, 2]", "application/json"),
    ):
        execution = folder.node("http", {"x": "é"}, url=server.url + "/echo", method="POST", body=given)
        seen = server.asked[-1]
        assert (seen["method"], seen["body"], seen["headers"]["content-type"]) == ("POST", told, kind), str(execution)


def test_a_file_goes_out_as_it_lies(folder: Folder, server: Server) -> None:
    (folder.path / "report.txt").write_text("content")
    text = f"""
name: p
nodes:
  - {{id: make, type: python, code: "report = 'report.txt'", outputs: {{report: file}}}}
  - {{id: a, type: http, url: "{server.url}/echo", method: PUT, body: "{{{{ make.report }}}}"}}
"""
    assert folder.run(text).nodes["a"].outputs["body"]["body"] == "content"


def test_text_is_text_and_bytes_are_a_file(folder: Folder, server: Server) -> None:
    assert folder.node("http", url=server.url + "/text").nodes["a"].outputs["body"] == "größer\n"
    body = folder.node("http", url=server.url + "/bytes").nodes["a"].outputs["body"]
    assert Path(body["path"]).read_bytes() == bytes(range(256)) and body["size"] == 256
    assert folder.node("http", url=server.url + "/status/204").nodes["a"].outputs["body"] is None
    assert folder.node("http", url=server.url + "/echo", method="HEAD").nodes["a"].outputs["body"] is None


def test_a_large_text_is_kept_by_reference_and_a_larger_one_as_a_file(
    folder: Folder, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = folder.node("http", url=server.url + "/gzip?100000").nodes["a"].outputs["body"]
    assert (body["of"], body["size"]) == ("string", 100_000)
    monkeypatch.setattr(http_answer, "MOST_TEXT", 1000)
    body = folder.node("http", url=server.url + "/gzip?100000").nodes["a"].outputs["body"]
    assert "of" not in body and body["size"] == 100_000


@pytest.mark.trust("B30")
def test_an_answer_without_end_is_not_read_to_its_end(folder: Folder, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_answer, "MOST_BYTES", 1024 * 1024)
    for path in ("/gzip?50000000", "/bytes?8192"):
        assert failure(folder.node("http", url=server.url + path)) == "the answer is larger than 1 MiB"


def test_an_answer_that_is_not_expected_fails_and_says_what_came(folder: Folder, server: Server) -> None:
    execution = folder.node("http", url=server.url + "/status/404?token=1")
    assert failure(execution) == f"404 Not Found from GET {server.url}/status/404, not 2xx: {{'why': 'because'}}"
    found = folder.node("http", url=server.url + "/status/404", expect=[200, 404])
    assert found.nodes["a"].outputs["body"] == {"why": "because"}
    assert folder.node("http", url=server.url + "/status/404", expect="4xx").status == "completed"
    assert "not 201" in failure(folder.node("http", url=server.url + "/echo", expect=201))


def test_retry_when_reads_the_answer(folder: Folder, server: Server) -> None:
    execution = folder.node(
        "http", url=server.url + "/status/503", retry={"maxAttempts": 3}, retryWhen="{{ attempt.outputs.status == 503 }}"
    )
    assert (execution.nodes["a"].attempts, len(server.asked)) == (3, 3)
    execution = folder.node(
        "http", url=server.url + "/status/400", retry={"maxAttempts": 3}, retryWhen="{{ attempt.outputs.status == 503 }}"
    )
    assert execution.nodes["a"].attempts == 1


def test_json_that_is_none_is_told(folder: Folder, server: Server) -> None:
    assert "should be JSON, but is not" in failure(folder.node("http", url=server.url + "/broken"))
    assert "should be JSON" in failure(folder.node("http", url=server.url + "/text", expect={"type": "json"}))
    assert folder.node("http", url=server.url + "/broken", expect={"type": "text"}).nodes["a"].outputs["body"] == '{"a": '


def test_what_does_not_answer_is_named(folder: Folder, server: Server) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/x"
        assert failure(folder.node("http", url=url)) == f"{url} cannot be reached: Connection refused"
    assert "there is no host `nowhere.invalid`" in failure(folder.node("http", url="http://nowhere.invalid/"))
    assert "broke off" in failure(folder.node("http", url=server.url + "/cut"))
    assert "does not speak TLS" in failure(folder.node("http", url=server.url.replace("http:", "https:") + "/"))


@pytest.mark.parametrize("expect", ["ok", 99, [200, "2x"], {"code": 200}, {"type": "xml"}, True])
def test_an_expectation_that_is_none_is_told_before_the_run(expect: Any) -> None:
    node = {"id": "a", "type": "http", "url": "http://example.org/", "expect": expect}
    assert [found.severity for found in validate(json.dumps({"name": "p", "nodes": [node]}))] == ["error"]


# --- where it may go ------------------------------------------------------------------------------------------------


@pytest.mark.trust("B18")
@pytest.mark.parametrize(
    "address", ["127.0.0.1", "localhost", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "10.0.0.1", "192.168.1.1"]
)
def test_a_value_does_not_lead_into_a_network(folder: Folder, server: Server, address: str) -> None:
    url = f"http://{address}:{server.server_address[1]}/echo"
    told = failure(folder.node("http", {"url": url}, url="{{ pipeline.input.url }}"))
    assert "is an address inside of a network" in told and "[http] hosts" in told and server.asked == []


@pytest.mark.trust("B18")
def test_a_value_that_ends_a_host_is_a_host_from_a_value(folder: Folder, server: Server) -> None:
    port = f"{server.server_address[1]}/echo"
    assert "inside of a network" in failure(folder.node("http", {"p": port}, url="http://127.0.0.1:{{ pipeline.input.p }}"))
    assert folder.node("http", {"p": "echo"}, url=server.url + "/{{ pipeline.input.p }}").status == "completed"


@pytest.mark.trust("B18")
def test_the_configuration_allows_a_host(folder: Folder, server: Server) -> None:
    (folder.path / "yamlflow.toml").write_text('[http]\nhosts = ["127.0.0.1"]\n')
    assert folder.node("http", {"url": server.url + "/echo"}, url="{{ pipeline.input.url }}").status == "completed"


@pytest.mark.trust("B18")
def test_what_a_cloud_tells_its_machines_is_refused_wherever_it_stands(folder: Folder, server: Server) -> None:
    for url in ("http://169.254.169.254/latest/meta-data/", server.url + "/to?http://169.254.169.254/latest/"):
        assert "169.254.169.254 is an address inside of a network" in failure(folder.node("http", url=url))


@pytest.mark.trust("B18")
def test_a_redirect_does_not_lead_into_a_network_nor_to_another_scheme(folder: Folder, server: Server) -> None:
    elsewhere = f"{server.url.replace('127.0.0.1', 'localhost')}/echo"
    assert "localhost (" in failure(folder.node("http", url=f"{server.url}/to?{elsewhere}"))
    assert [asked["path"].partition("?")[0] for asked in server.asked] == ["/to"]
    for target in ("file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/"):
        assert "no address that begins with http" in failure(folder.node("http", url=f"{server.url}/to?{target}"))
    https = server.url.replace("http:", "https:")
    assert "leads from http to https" in failure(folder.node("http", url=f"{server.url}/to?{https}/echo"))


@pytest.mark.trust("B18")
@pytest.mark.parametrize(
    "url", ["file:///proc/self/environ", "s3://other/x", "simplecache::http://127.0.0.1/", "github://a:b@/", "//x"]
)
def test_only_the_web_is_spoken_to(folder: Folder, url: str) -> None:
    assert "no address" in failure(folder.node("http", {"url": url}, url="{{ pipeline.input.url }}"))


@pytest.mark.trust("B18")
def test_a_name_that_changes_its_address_is_looked_at_where_it_is_connected(
    folder: Folder, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Resolved twice, a name could be public when it is looked at, and private when it is connected: it is resolved once."""
    real, asked = socket.getaddrinfo, []

    def rebinding(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        if host != "rebind.example":
            return real(host, port, *rest, **more)
        asked.append(host)
        return real("203.0.114.9" if len(asked) == 1 else "127.0.0.1", port, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    connected: list[Any] = []
    monkeypatch.setattr(socket.socket, "connect", lambda self, address: connected.append(address) or self.close())
    folder.node("http", {"host": "rebind.example"}, url="http://{{ pipeline.input.host }}/")
    assert asked == ["rebind.example"] and {address[0] for address in connected} == {"203.0.114.9"}


def test_redirects_are_followed_a_few_times_with_the_method_that_is_meant(folder: Folder, server: Server) -> None:
    execution = folder.node("http", url=server.url + "/to?/echo", method="POST", body={"a": 1})
    assert execution.nodes["a"].outputs["body"]["method"] == "GET"
    again = {"url": server.url + "/to?/echo", "method": "POST", "body": {"a": 1}, "headers": {"x-status": "307"}}
    seen = folder.node("http", **again).nodes["a"].outputs["body"]
    assert (seen["method"], seen["body"]) == ("POST", '{"a": 1}')
    assert "more than 5 redirects" in failure(folder.node("http", url=server.url + "/to?/to"))


# --- secrets --------------------------------------------------------------------------------------------------------


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("YAMLFLOW_SECRET_API", SECRET)
    return SECRET


def written(folder: Folder) -> bytes:
    folder.close()
    return b"".join(path.read_bytes() for path in Path(folder.store).parent.rglob("*") if path.is_file())


@pytest.mark.trust("B20")
def test_a_secret_goes_out_in_a_header_and_is_masked_in_all_that_comes_back(folder: Folder, server: Server, secret: str) -> None:
    fields = {"headers": {"Authorization": "Bearer ${TOKEN}"}, "env": {"TOKEN": "{{ secrets.api }}"}, "method": "POST"}
    execution = folder.node("http", url=server.url + "/echo", body={"key": "${TOKEN}"}, **fields)
    assert server.asked[-1]["headers"]["authorization"] == f"Bearer {secret}" and secret in server.asked[-1]["body"]
    assert execution.nodes["a"].outputs["body"]["headers"]["authorization"] == "Bearer •••"
    assert "not 404" in failure(folder.node("http", url=server.url + "/echo", expect=404, **fields))
    assert folder.node("http", url=server.url + "/echo?k=${api}", secrets=["api"]).status == "completed"
    assert server.asked[-1]["path"] == f"/echo?k={secret}"
    assert secret.encode() not in written(folder)


@pytest.mark.trust("B20")
def test_a_value_that_looks_like_a_variable_is_given_no_secret(folder: Folder, server: Server, secret: str) -> None:
    body = {"comment": "{{ pipeline.input.x }}", "fixed": "${other}"}
    headers = {"x-note": "{{ pipeline.input.x }}"}
    folder.node("http", {"x": "${api}"}, url=server.url + "/echo", method="POST", body=body, headers=headers, secrets=["api"])
    assert json.loads(server.asked[-1]["body"]) == {"comment": "${api}", "fixed": "${other}"}
    assert server.asked[-1]["headers"]["x-note"] == "${api}"


@pytest.mark.trust("B20")
def test_headers_with_secrets_stay_with_their_host(folder: Folder, server: Server, secret: str) -> None:
    (folder.path / "yamlflow.toml").write_text('[http]\nhosts = ["localhost", "127.0.0.1"]\n')
    elsewhere = f"{server.url.replace('127.0.0.1', 'localhost')}/echo"
    headers = {"x-key": "${api}", "authorization": "plain", "x-other": "1"}
    folder.node("http", url=f"{server.url}/to?{elsewhere}", headers=headers, secrets=["api"])
    first, second = (asked["headers"] for asked in server.asked)
    assert (first["x-key"], first["authorization"]) == (secret, "plain")
    assert "x-key" not in second and "authorization" not in second and second["x-other"] == "1"
    told = failure(folder.node("http", url=f"{server.url}/to?{elsewhere}", method="POST", body="x", headers={"x-status": "307"}))
    assert "not sent the body" in told


def test_what_a_header_and_an_address_may_not_hold(folder: Folder, server: Server) -> None:
    url = server.url + "/echo"
    assert "line break" in failure(folder.node("http", {"x": "a\r\nHost: b"}, url=url, headers={"x": "{{ pipeline.input.x }}"}))
    assert "reads ${TOKN}" in failure(folder.node("http", url=url, headers={"x": "${TOKN}"}, env={"TOKEN": "1"}))
    told = failure(folder.node("http", url="http://me:pass-word-1@127.0.0.1/"))
    assert "holds a login" in told and "pass-word-1" not in told


# --- stopping -------------------------------------------------------------------------------------------------------


@pytest.mark.trust("F40")
def test_a_cancel_shuts_the_socket(folder: Folder, server: Server) -> None:
    execution = folder.start(f'name: p\nnodes: [{{id: a, type: http, url: "{server.url}/slow"}}]')
    assert server.hung.wait(30)
    began = time.monotonic()
    execution.cancel().wait(30)
    assert execution.nodes["a"].state == "cancelled"
    name = "yamlflow-task-1"
    until(lambda: not [thread for thread in threading.enumerate() if thread.name == name and _is_reading(thread)])
    assert time.monotonic() - began < 20


def _is_reading(thread: threading.Thread) -> bool:
    import sys
    import traceback

    frame = sys._current_frames().get(thread.ident or 0)
    return frame is not None and any("http_call" in entry.filename for entry in traceback.extract_stack(frame))


def test_a_timeout_of_the_node_ends_the_request(folder: Folder, server: Server) -> None:
    execution = folder.start(f'name: p\nnodes: [{{id: a, type: http, url: "{server.url}/slow", timeout: 1s}}]').wait(30)
    assert execution.nodes["a"].reason == "timeout"
