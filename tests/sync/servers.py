"""Real servers on this machine: an sshd, and git's http-backend behind https; both run as the current user."""

from __future__ import annotations

import base64
import getpass
import os
import shutil
import signal
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

SSHD = "/usr/sbin/sshd"
LOOPBACK = "127.0.0.1"


def run(*command: str | Path) -> None:
    """Runs a program that has to succeed."""
    subprocess.run([str(word) for word in command], check=True, capture_output=True)


class SshServer:
    """An sshd with its own host key, which admits the owner of ``key``.

    ``path`` is what the programs that it starts have as PATH.
    """

    def __init__(self, folder: Path, *, path: str = "") -> None:
        self.folder = folder
        self.key = folder / "id_ed25519"
        host_key = folder / "host_key"
        for name in (self.key, host_key):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", name)
        shutil.copy(self.key.with_suffix(".pub"), folder / "authorized_keys")
        self.host_key = " ".join(host_key.with_suffix(".pub").read_text().split()[:2])
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        self._process = None
        for _ in range(10):
            self.port = _free_port()
            self._configure(host_key, path)
            if self._start():
                return
        raise AssertionError(f"sshd did not start: {(folder / 'log').read_text()}")

    def _configure(self, host_key: Path, path: str) -> None:
        path = path or os.environ["PATH"]
        (self.folder / "sshd_config").write_text(
            f"""Port {self.port}
ListenAddress {LOOPBACK}
HostKey {host_key}
AuthorizedKeysFile {self.folder / "authorized_keys"}
PidFile none
UsePAM no
UseDNS no
StrictModes no
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxStartups 100
KexAlgorithms curve25519-sha256
SetEnv PATH={path} HOME={self.folder} GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null
"""
        )

    def _start(self) -> bool:
        log = self.folder / "log"
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                [SSHD, "-D", "-e", "-f", str(self.folder / "sshd_config")], stderr=errors
            )
        while self._process.poll() is None:
            with suppress(OSError), socket.create_connection((LOOPBACK, self.port), timeout=1) as greeting:
                greeting.recv(20)
                return True
        return False

    def close(self) -> None:
        """Ends the server."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait()

    def url(self, folder: Path, *, port: int | None = None) -> str:
        """Returns the URL of a folder, through another port if it is forwarded."""
        return f"ssh://{getpass.getuser()}@{LOOPBACK}:{port or self.port}{folder}"

    def admit(self, home: Path, *ports: int) -> None:
        """Puts key and known hosts where programs look that take HOME for the home folder."""
        folder = home / ".ssh"
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        shutil.copy(self.key, folder)
        lines = [f"[{LOOPBACK}]:{port} {self.host_key}\n" for port in (self.port, *ports)]
        (folder / "known_hosts").write_text("".join(lines))

    def command(self, home: Path) -> str:
        """Returns how ssh is to be called to use only what ``admit`` put into ``home``: ssh does not heed HOME."""
        folder = home / ".ssh"
        return (
            f"ssh -F /dev/null -i {folder / 'id_ed25519'} -o UserKnownHostsFile={folder / 'known_hosts'}"
            " -o GlobalKnownHostsFile=/dev/null -o IdentitiesOnly=yes -o IdentityAgent=none"
        )


def _free_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as found:
        return int(found.getsockname()[1])


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Ends a process and those that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


class HttpsServer(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Serves all repositories below ``root`` by git's http-backend.

    ``users`` are names and passwords; without any, everybody may read and write. ``failures`` are statuses with which
    the next requests are answered, ``lost`` says to how many of the next pushes the answer gets lost. ``authority`` is
    the certificate that clients are to trust.
    """

    daemon_threads = False
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, folder: Path, root: Path) -> None:
        self.root = root
        self.path = os.environ["PATH"]
        self.users: dict[str, str] = {}
        self.failures: list[int] = []
        self.lost = 0
        self.requests: list[str] = []
        self.authority = folder / "ca.pem"
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate, key = _certificate(folder)
        self._context.load_cert_chain(certificate, key)
        super().__init__((LOOPBACK, 0), _Handler)
        self.port: int = self.server_address[1]
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        connection, address = super().get_request()
        # The handshake is for the thread that handles the connection.
        wrapped = self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return wrapped, address

    def handle_error(self, request: object, client_address: object) -> None:
        """Says nothing: clients that go away are what some tests are about."""

    def close(self) -> None:
        """Ends the server."""
        self.shutdown()
        self._thread.join()
        self.server_close()

    def url(self, folder: Path, *, port: int | None = None, logon: str = "") -> str:
        """Returns the URL of a folder, through another port if it is forwarded."""
        path = folder.relative_to(self.root).as_posix()
        return f"https://{logon + '@' if logon else ''}{LOOPBACK}:{port or self.port}/{path}"


def _certificate(folder: Path) -> tuple[Path, Path]:
    """Makes an authority and a certificate that it signed; returns the latter and its key."""
    key, request, made = folder / "key.pem", folder / "request.pem", folder / "cert.pem"
    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    run("openssl", "req", "-x509", *new, "-keyout", folder / "ca.key", "-out", folder / "ca.pem", "-days", "2",
        "-subj", "/CN=Authority of tests")  # fmt: skip
    run("openssl", "req", *new, "-keyout", key, "-out", request, "-subj", f"/CN={LOOPBACK}")
    (folder / "extensions").write_text(f"subjectAltName=IP:{LOOPBACK},DNS:localhost\n")
    run("openssl", "x509", "-req", "-in", request, "-CA", folder / "ca.pem", "-CAkey", folder / "ca.key",
        "-CAcreateserial", "-days", "2", "-extfile", folder / "extensions", "-out", made)  # fmt: skip
    return made, key


class _Handler(BaseHTTPRequestHandler):
    """One connection: requests go to git's http-backend, as CGI, both ways as a stream."""

    protocol_version = "HTTP/1.1"
    server: HttpsServer
    timeout = 60

    def log_message(self, format: str, *arguments: object) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        self.server.requests.append(f"{self.command} {self.path}")
        if self.server.failures:
            self._refuse(self.server.failures.pop(0))
            return
        user = self._user()
        if user is None:
            self._refuse(401)
            return
        process = subprocess.Popen(
            ["git", "http-backend"],
            env=self._variables(user),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        with process:
            feeding = threading.Thread(target=self._feed, args=(process,))
            feeding.start()
            try:
                self._answer(process)
            except OSError:
                self.close_connection = True
                _kill(process)
            feeding.join()

    def _refuse(self, status: int) -> None:
        self.close_connection = True
        self.send_response(status)
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="tests"')
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()

    def _user(self) -> str | None:
        """Returns who asks, "" for nobody, None for somebody who may not."""
        if not self.server.users:
            return ""
        kind, _, coded = self.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "basic":
            return None
        user, _, password = base64.b64decode(coded).decode().partition(":")
        return user if self.server.users.get(user) == password else None

    def _variables(self, user: str) -> dict[str, str]:
        parts = urlsplit(self.path)
        found = {
            "PATH": self.server.path,
            "HOME": str(self.server.root),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "http.receivepack",
            "GIT_CONFIG_VALUE_0": "true",
            "GIT_PROJECT_ROOT": str(self.server.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": unquote(parts.path),
            "QUERY_STRING": parts.query,
            "REMOTE_USER": user,
            "REMOTE_ADDR": LOOPBACK,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        if "Content-Length" in self.headers:
            found["CONTENT_LENGTH"] = self.headers["Content-Length"]
        return found

    def _feed(self, process: subprocess.Popen[bytes]) -> None:
        """Passes the body on, whether its length is known or it comes in chunks."""
        assert process.stdin is not None
        try:
            with process.stdin as target:
                for data in self._body():
                    target.write(data)
        except BrokenPipeError:
            return
        except (OSError, ValueError):
            # The client is gone; http-backend would wait for the rest for ever.
            _kill(process)

    def _body(self) -> Iterator[bytes]:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline(), 16):
                yield self._exactly(size)
                self.rfile.readline()
            self.rfile.readline()
            return
        left = int(self.headers.get("Content-Length", "0"))
        while left:
            data = self._exactly(min(left, 1 << 16))
            yield data
            left -= len(data)

    def _exactly(self, size: int) -> bytes:
        data = self.rfile.read(size)
        if len(data) < size:
            raise ValueError("the body ends early")
        return data

    def _answer(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        if self.server.lost and self.command == "POST" and "git-receive-pack" in self.path:
            self.server.lost -= 1
            process.stdout.read()
            raise ConnectionResetError
        status, headers = 200, []
        while line := process.stdout.readline().strip().decode():
            name, _, value = line.partition(": ")
            if name == "Status":
                status = int(value.split()[0])
            else:
                headers.append((name, value))
        self.send_response(status)
        for name, value in headers:
            if name.lower() != "content-length":
                self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while data := process.stdout.read1(1 << 16):  # type: ignore[attr-defined]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.write(b"0\r\n\r\n")


@pytest.fixture(scope="session")
def ssh_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    """Returns an sshd on this machine; tests that want it are skipped where the program is absent."""
    if not Path(SSHD).exists() or shutil.which("ssh") is None:
        pytest.skip(f"{SSHD} or ssh is not installed")
    # Who signs in finds the hdstore of these tests.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    made = SshServer(tmp_path_factory.mktemp("sshd"), path=path)
    yield made
    made.close()


@pytest.fixture(scope="session")
def https_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpsServer]:
    """Returns an https server for all repositories below pytest's folder."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    made = HttpsServer(tmp_path_factory.mktemp("https"), tmp_path_factory.getbasetemp())
    yield made
    made.close()


@pytest.fixture
def https_server(https_site: HttpsServer) -> Iterator[HttpsServer]:
    """Returns the https server, to which everybody is admitted unless a test says otherwise."""
    yield https_site
    https_site.users = {}
    https_site.failures = []
    https_site.lost = 0
    https_site.requests = []
