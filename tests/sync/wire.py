"""A wire between a client and a server on this machine, which counts the bytes that pass and can be cut."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self


class Wire:
    """Forwards connections to a port of this machine, from its own ``port``, and counts.

    ``sent`` and ``received`` are the bytes that clients sent and received, ``connections`` how many they made. With
    ``cut_after`` each connection is reset when that many bytes were received through it; ``cut_sent_after`` is the same
    for what was sent. None lets everything pass. ``cuts`` says how many connections may still be cut. With
    ``hold_after`` and ``hold_sent_after`` they are not cut but stand still, and ``held`` is set.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self.sent = 0
        self.received = 0
        self.connections = 0
        self.cut_after: int | None = None
        self.cut_sent_after: int | None = None
        self.cuts = 1 << 30
        self.hold_after: int | None = None
        self.hold_sent_after: int | None = None
        self.held = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._start(self._accept)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def reset(self) -> None:
        """Begins to count anew."""
        with self._lock:
            self.sent = self.received = self.connections = 0

    def close(self) -> None:
        """Ends all connections."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            left = list(self._open)
        for end in left:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def _start(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                client.close()
                continue
            with self._lock:
                self.connections += 1
                self._open |= {client, server}
            self._start(self._connection, client, server)

    def _connection(self, client: socket.socket, server: socket.socket) -> None:
        back = threading.Thread(target=self._pass, args=(server, client, False), daemon=True)
        back.start()
        self._pass(client, server, True)
        back.join()
        with self._lock:
            self._open -= {client, server}
        client.close()
        server.close()

    def _pass(self, source: socket.socket, target: socket.socket, up: bool) -> None:
        count = 0
        with suppress(OSError):
            while data := source.recv(1 << 16):
                limit = self.cut_sent_after if up else self.cut_after
                if limit is not None and count + len(data) > limit and self._may_cut():
                    target.sendall(data[: limit - count])
                    self._cut(source, target)
                    return
                hold = self.hold_sent_after if up else self.hold_after
                if hold is not None and count + len(data) > hold:
                    target.sendall(data[: max(0, hold - count)])
                    self.held.set()
                    while source.recv(1 << 16):
                        pass  # what comes is lost
                    break
                count += len(data)
                with self._lock:
                    if up:
                        self.sent += len(data)
                    else:
                        self.received += len(data)
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def _may_cut(self) -> bool:
        with self._lock:
            if self.cuts == 0:
                return False
            self.cuts -= 1
            return True

    @staticmethod
    def _cut(*ends: socket.socket) -> None:
        for end in ends:
            with suppress(OSError):
                # Closing is then a reset, not a farewell.
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.shutdown(socket.SHUT_RDWR)
