"""How a user reaches others is his own: helpers, keys and abbreviations are heeded, those of a repository never."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from sync.servers import HttpsServer, SshServer
from sync.ways import ALL, commit, incoming, new_repository, put

from hdstore.errors import RemoteError, UntrustedError
from hdstore.store import Layout, Refs, reach_from_environment
from hdstore.sync.embedded import Embedded
from hdstore.sync.failures import Kind, ReachError
from hdstore.sync.gitprogram import GitProgram
from hdstore.sync.urls import parse_place

BOTH = pytest.mark.parametrize("kind", [GitProgram, Embedded], ids=["git", "libgit2"])


@pytest.fixture
def hub(tmp_path: Path) -> Layout:
    """Returns the other repository, with one branch."""
    made = new_repository(tmp_path / "hub")
    put(made, a=commit(made, b"1"))
    return made


@pytest.fixture
def ours(tmp_path: Path) -> Layout:
    """Returns our repository; it is empty."""
    return new_repository(tmp_path / "ours")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns the user's home folder, with no agent and no variables that say how to reach others."""
    for name in (
        "SSH_AUTH_SOCK",
        "SSH_ASKPASS",
        "DISPLAY",
        "WAYLAND_DISPLAY",
        "SSH_ASKPASS_REQUIRE",
        "GIT_SSH_COMMAND",
        "GIT_SSL_CAINFO",
    ):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


def test_a_credential_helper_of_the_user_logs_on(
    hub: Layout, ours: Layout, home: Path, https_server: HttpsServer
) -> None:
    """It and the authority come from ~/.gitconfig; a helper that is wrong leads to a sentence."""
    https_server.users = {"ada": "secret"}
    place = parse_place(https_server.url(hub.folder))

    def configure(password: str) -> None:
        (home / ".gitconfig").write_text(
            f"[http]\n\tsslCAInfo = {https_server.authority}\n[credential]\n\thelper = "
            f'"!f() {{ echo username=ada; echo password={password}; }}; f"\n'
        )

    configure("secret")
    transport = GitProgram(ours, place)
    transport.fetch(ALL)
    assert incoming(ours) == transport.refs() == Refs(hub.hds).list("refs/heads/")
    configure("wrong")
    with pytest.raises(ReachError, match="did not accept who you are") as caught:
        GitProgram(ours, place).refs()
    assert caught.value.kind is Kind.AUTHENTICATION


def test_nothing_of_the_repository_is_heeded(
    hub: Layout, ours: Layout, https_server: HttpsServer, tmp_path: Path
) -> None:
    """A helper, a proxy, another URL in its configuration: refused before git runs."""
    config = ours.hds / "config"
    before = config.read_text()
    marker = tmp_path / "called"
    for text in (
        f'[credential]\n\thelper = "!touch {marker}"\n',
        "[http]\n\tproxy = http://127.0.0.1:1\n",
        f'[url "{tmp_path}"]\n\tinsteadOf = https://127.0.0.1\n',
        f'[core]\n\tsshCommand = "touch {marker}"\n',
    ):
        config.write_text(before + text)
        for kind in (GitProgram, Embedded):
            with pytest.raises(UntrustedError, match="which hdstore does not need"):
                kind(ours, parse_place(https_server.url(hub.folder))).refs()
    assert not marker.exists()


def test_abbreviations_and_the_ssh_command_of_the_user(
    hub: Layout, ours: Layout, home: Path, ssh_server: SshServer
) -> None:
    """``insteadOf`` and ``core.sshCommand`` of ~/.gitconfig hold, and a file that it includes is read."""
    ssh_server.admit(home)
    (home / ".gitconfig").write_text("[include]\n\tpath = more\n")
    (home / "more").write_text(
        f'[core]\n\tsshCommand = "{ssh_server.command(home)}"\n[url "{ssh_server.url(hub.folder.parent)}/"]\n'
        "\tinsteadOf = lab:\n"
    )
    transport = GitProgram(ours, parse_place("lab:hub"))
    assert transport.refs() == Refs(hub.hds).list("refs/heads/")
    assert transport.inner


def test_a_configuration_that_can_not_be_read(hub: Layout, ours: Layout, home: Path) -> None:
    """The error says whose it is."""
    (home / ".gitconfig").write_text("[http\n")
    with pytest.raises(RemoteError, match=r"Your git configuration \(global\) can not be read: .*mend it"):
        GitProgram(ours, parse_place("https://127.0.0.1:1/x")).refs()


def test_no_secret_stands_in_a_command_line(
    hub: Layout, ours: Layout, https_server: HttpsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others on this machine see command lines; the password of a URL goes another way."""
    https_server.users = {"ada": "s3cret"}
    monkeypatch.setenv("GIT_SSL_CAINFO", str(https_server.authority))
    folder, said = tmp_path / "bin", tmp_path / "said"
    folder.mkdir()
    (folder / "git").write_text(f'#!/bin/sh\necho "$0 $@" >> {said}\nexec {shutil.which("git")} "$@"\n')
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    url = https_server.url(hub.folder).replace("//", "//ada:s3cret@")
    place = parse_place(url)
    GitProgram(ours, place).fetch(ALL)
    assert incoming(ours)
    assert "ls-remote" in said.read_text() or "fetch" in said.read_text()
    assert "s3cret" not in said.read_text()
    assert "s3cret" not in f"{place} {place!r}"


@BOTH
def test_netrc(
    kind: type[GitProgram | Embedded],
    hub: Layout,
    ours: Layout,
    home: Path,
    https_server: HttpsServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What ~/.netrc says of the host is used."""
    https_server.users = {"ada": "secret"}
    monkeypatch.setenv("GIT_SSL_CAINFO", str(https_server.authority))
    (home / ".netrc").write_text("machine 127.0.0.1 login ada password secret\n")
    (home / ".netrc").chmod(0o600)
    assert kind(ours, parse_place(https_server.url(hub.folder))).refs()


@BOTH
def test_an_agent_has_the_key(
    kind: type[GitProgram | Embedded],
    hub: Layout,
    ours: Layout,
    home: Path,
    ssh_server: SshServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """No key file is there; the agent of the environment is asked."""
    ssh_server.admit(home)
    (home / ".ssh" / "id_ed25519").unlink()
    socket = tmp_path / "agent"
    with subprocess.Popen(
        ["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as agent:
        try:
            assert agent.stdout is not None
            agent.stdout.readline()  # it says where it listens once it does
            monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
            subprocess.run(["ssh-add", "-q", ssh_server.key], check=True)
            monkeypatch.setenv(
                "GIT_SSH_COMMAND",
                f"ssh -F /dev/null -o UserKnownHostsFile={home / '.ssh' / 'known_hosts'} -o IdentityFile=none",
            )
            assert kind(ours, parse_place(ssh_server.url(hub.folder))).refs()
        finally:
            agent.terminate()


def test_libgit2_passes_over_keys_that_need_a_passphrase(
    hub: Layout, ours: Layout, home: Path, ssh_server: SshServer
) -> None:
    """They can not be used without asking; the next key is."""
    ssh_server.admit(home)
    key = home / ".ssh" / "id_ed25519"
    key.rename(home / ".ssh" / "id_rsa")
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "hidden", "-f", str(key)]
    subprocess.run(command, check=True)
    assert Embedded(ours, parse_place(ssh_server.url(hub.folder))).refs()


def test_how_ssh_is_called(home: Path, ours: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never to ask where nobody would see it, within a time; other programs are called as the user says."""

    def command() -> str:
        return reach_from_environment(ours.hds).environment["GIT_SSH_COMMAND"]

    assert command().startswith("ssh -o BatchMode=yes -o ConnectTimeout=30 ")
    monkeypatch.setenv("GIT_SSH", "/opt/my tools/ssh")
    assert command().startswith("'/opt/my tools/ssh' -o BatchMode=yes ")
    monkeypatch.setenv("GIT_SSH_COMMAND", "plink -batch")
    assert command() == "plink -batch"
    monkeypatch.setenv("GIT_SSH_COMMAND", "ssh -v")
    monkeypatch.setenv("SSH_ASKPASS", "/usr/bin/asks")
    assert command().startswith("ssh -v -o BatchMode=yes ")
    monkeypatch.setenv("DISPLAY", ":0")
    assert command().startswith("ssh -v -o ConnectTimeout=30 ")
    assert ("core.askPass", "/usr/bin/asks") in reach_from_environment(ours.hds).settings
