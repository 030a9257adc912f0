"""A network that can lose all packets without a word, as mobile links do. Needs Linux and root.

Each end is a namespace of its own with a TUN device, and this process carries the packets between them.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import select
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Self

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
LARGEST_PACKET = 65_536
FORBIDDEN = errno.EPERM, errno.EACCES, errno.EROFS
NO_NAMESPACES = *FORBIDDEN, errno.ENOSYS, errno.EINVAL, errno.ENOSPC
"""Besides, this kernel has none, or as many as are allowed: none."""
NO_TUN = *FORBIDDEN, errno.ENOENT, errno.ENODEV, errno.ENXIO
REFUSED = "Operation not permitted", "Permission denied", "not supported", "Unknown device type"
"""How ip says so."""
_libc = ctypes.CDLL(None, use_errno=True)


class NoNetworks(RuntimeError):
    """The kernel does not let us have networks of our own; the text says why."""


class Namespace:
    """A network of its own, with nothing in it but itself."""

    def __init__(self) -> None:
        self.file = -1

    def __enter__(self) -> Self:
        """Raises `NoNetworks`."""
        home = _here()
        try:
            with _refusal(NO_NAMESPACES, "no network namespace"):
                if _libc.unshare(CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "unshare")
            self.file = _here()
            _enter(home)
        finally:
            os.close(home)
        try:
            with self.inside():
                run("ip", "link", "set", "lo", "up")
        except BaseException:
            os.close(self.file)
            raise
        return self

    def __exit__(self, *error: object) -> None:
        os.close(self.file)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """What this thread opens and starts is in there meanwhile."""
        home = _here()
        try:
            _enter(self.file)
            try:
                yield
            finally:
                _enter(home)
        finally:
            os.close(home)

    def set(self, setting: str, value: str) -> None:
        """A setting of the kernel such as ``net.ipv4.tcp_syn_retries``, in there alone.

        Raises `NoNetworks`.
        """
        with self.inside(), _refusal(FORBIDDEN, f"no {setting}"):
            (Path("/proc/sys") / setting.replace(".", "/")).write_text(value)


class Cable:
    """Leads from *one* (10.9.N.1) to *other* (10.9.N.2)."""

    def __init__(self, one: Namespace, other: Namespace, number: int = 0) -> None:
        self.one, self.other = one, other
        self._addresses = f"10.9.{number}.1", f"10.9.{number}.2"
        self._name = f"cable{number}"
        self.is_cut = False

    def __enter__(self) -> Self:
        """Raises `NoNetworks`."""
        with ExitStack() as opened:
            ends = zip((self.one, self.other), self._addresses, strict=True)
            self._files = [self._plug(opened, *end) for end in ends]
            self._told, tell = os.pipe()
            opened.callback(os.close, self._told)
            self._thread = threading.Thread(target=self._carry, daemon=True)
            self._thread.start()
            opened.callback(self._thread.join)
            opened.callback(os.close, tell)
            self._open = opened.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def _plug(self, opened: ExitStack, end: Namespace, address: str) -> int:
        with end.inside():
            with _refusal(NO_TUN, "no TUN device"):
                file = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
                opened.callback(os.close, file)
                fcntl.ioctl(file, TUNSETIFF, struct.pack("16sH22x", self._name.encode(), IFF_TUN | IFF_NO_PI))
            run("ip", "address", "add", f"{address}/24", "dev", self._name)
            run("ip", "link", "set", self._name, "up")
        return file

    def _carry(self) -> None:
        one, other = self._files
        while True:
            readable, _, _ = select.select([one, other, self._told], [], [])
            if self._told in readable:
                return
            for file in readable:
                packet = os.read(file, LARGEST_PACKET)
                if not self.is_cut:
                    with suppress(OSError):  # an end that takes no more: the packet is lost
                        os.write(other if file == one else one, packet)


def _here() -> int:
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY)


def _enter(namespace: int) -> None:
    if _libc.setns(namespace, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


@contextmanager
def _refusal(errors: tuple[int, ...], what: str) -> Iterator[None]:
    """Raises `NoNetworks` for *errors* of the kernel, and whatever else goes wrong as it is."""
    try:
        yield
    except OSError as error:
        if error.errno not in errors:
            raise
        raise NoNetworks(f"{what}: {os.strerror(error.errno)}") from error


def run(*words: str) -> None:
    """Raises `NoNetworks` where the kernel refuses it, ``FileNotFoundError`` and ``RuntimeError``."""
    done = subprocess.run(
        words, env={**os.environ, "LC_ALL": "C"}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        refused = any(word in done.stderr for word in REFUSED)
        raise (NoNetworks if refused else RuntimeError)(f"{' '.join(words)}: {done.stderr.strip()}")
