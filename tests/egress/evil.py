"""Addresses that nobody may have us call, and what sees whether one was called all the same."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

NAME = "receiver.example"

WRITTEN = [
    # Not https, or no address of the web at all.
    "http://receiver.example/",
    "HTTP://receiver.example/",
    "ftp://receiver.example/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_INFO",
    "data:text/plain,x",
    "//receiver.example/",
    "receiver.example",
    "https:receiver.example",
    "https:///receiver.example",
    "https://",
    "https://?x",
    "",
    # Credentials, which some take for the host.
    "https://user@receiver.example/",
    "https://user:password@receiver.example/",
    "https://receiver.example@127.0.0.1/",
    "https://127.0.0.1@receiver.example/",
    "https://@receiver.example/",
    # Odd ports.
    "https://receiver.example:22/",
    "https://receiver.example:8443/",
    "https://receiver.example:80/",
    "https://receiver.example:0/",
    "https://receiver.example:/",
    "https://receiver.example:0443/",
    "https://receiver.example:65536/",
    "https://receiver.example:99999/",
    "https://receiver.example:-1/",
    "https://receiver.example:443:443/",
    "https://receiver.example:4４3/",
    # This machine and its network, by their numbers.
    "https://127.0.0.1/",
    "https://127.8.8.8/",
    "https://0.0.0.0/",
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://172.31.255.254/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://100.100.100.200/",
    "https://168.63.129.16/",
    "https://192.0.0.192/",
    "https://198.18.0.1/",
    "https://203.0.113.9/",
    "https://224.0.0.1/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    # The same in forms that only some read.
    "https://2130706433/",
    "https://017700000001/",
    "https://0x7f000001/",
    "https://0x7F.0.0.1/",
    "https://0177.0.0.1/",
    "https://127.0.0.01/",
    "https://127.1/",
    "https://127.0.1/",
    "https://127.0.0.0x1/",
    "https://0/",
    "https://0x/",
    "https://256.256.256.256/",
    "https://127.0.0.1./",
    "https://127.0.0.1.1/",
    "https://①②⑦.⓪.⓪.①/",
    "https://127。0。0。1/",
    "https://%31%32%37.0.0.1/",
    # IPv6, and IPv4 inside it.
    "https://[::1]/",
    "https://[::]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::ffff:8.8.8.8]/",
    "https://[::127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[64:ff9b:1::a00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[2001:0:7f00:1::]/",
    "https://[fe80::1]/",
    "https://[fe80::1%25eth0]/",
    "https://[2600::1%251]/",
    "https://[fec0::1]/",
    "https://[fc00::1]/",
    "https://[fd00:ec2::254]/",
    "https://[ff02::1]/",
    "https://[2001:db8::1]/",
    "https://[3fff::1]/",
    "https://[::1/",
    "https://::1/",
    "https://[127.0.0.1]/",
    "https://[v1.a]/",
    # Names of no public machine.
    "https://localhost/",
    "https://LOCALHOST/",
    "https://a.localhost/",
    "https://localhost.localdomain/",
    "https://printer.local/",
    "https://metadata.google.internal/",
    "https://ip-10-0-0-1.ec2.internal/",
    "https://router.home.arpa/",
    "https://intranet/",
    "https://metadata/",
    # Tricks with the text.
    "https://receiver.example./",
    "https://localhost./",
    "https://receiver..example/",
    "https://.receiver.example/",
    "https://-receiver.example/",
    "https://receiver_x.example/",
    "https://receiver.example%00.evil.example/",
    "https://ｌocalhost/",
    "https://xn--/",
    "https://bücher.example/",
    "https://receiver.example\\@127.0.0.1/",
    "https:\\\\127.0.0.1/",
    "https://127.0.0.1\t.receiver.example/",
    "https://receiver.example/\r\nX-Injected: 1",
    "https://receiver.example /a",
    "https://receiver.example/\x00",
    "\x01https://receiver.example/",
    " https://receiver.example/",
    "https://receiver.example/" + "a" * 2048,
    "https://" + "a" * 64 + ".example/",
    "https://" + "a." * 126 + "example/",
]
"""Refused by their text."""

IP_ADDRESSES = [
    *("127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.1.2.3", "172.20.0.1"),
    *("192.168.0.1", "169.254.169.254", "169.254.170.2", "100.64.0.1", "100.100.100.200"),
    *("192.0.0.8", "192.0.2.1", "198.51.100.1", "203.0.113.1", "192.88.99.1", "198.19.255.255"),
    *("168.63.129.16", "224.0.0.251", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:8.8.8.8"),
    *("::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001::1", "2001:2::1"),
    *("2001:10::1", "2001:20::1", "2001:db8::1", "2002:a00:1::1", "3fff::1", "5f00::1"),
    *("fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%lo", "fec0::1", "ff02::1", "4000::1"),
    "2600::1%lo",
]
"""Where a name may lead; refused when it is connected to."""

NEVER = [
    *("http://169.254.169.254/", "http://[fd00:ec2::254]/", "http://0.0.0.0/", "http://[::]/"),
    *("http://[::ffff:127.0.0.1]/", "http://100.100.100.200/", "http://224.0.0.1/"),
    *("http://2130706433/", "http://127.1/", "http://u:p@127.0.0.1/", "http://127.0.0.1./"),
    *("ftp://127.0.0.1/", "http://127.0.0.1:0/", "http://127.0.0.1:65536/", "http://[fe80::1]/"),
    *("http://localhost./", "http://168.63.129.16/", "http://[64:ff9b::7f00:1]/"),
]
"""Refused in development, too."""

GOOD = [
    *("https://receiver.example", "https://receiver.example/", "https://receiver.example:443/x"),
    *("https://a.b-c.receiver.example/path/%E4%BD%A0?x=1&y=%20#part", "HTTPS://Receiver.EXAMPLE/"),
    *("https://xn--bcher-kva.example/", "https://8.8.8.8/", "https://[2606:4700::1111]/"),
    *("https://1and1.example/", "https://10.0.0.1.receiver.example/", "https://0x7f.example/"),
    *("https://my.locals/", "https://receiver.example//x?a=http://b"),
    "https://receiver.example/" + "a" * (2048 - len("https://receiver.example/")),
]


class Watch:
    """Sees every look-up of a name and every try to connect, whoever makes it."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self._on = False
        # There is no way to take one away again.
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._on and event in {"socket.connect", "socket.getaddrinfo"}:
            self.seen.append(event)

    @contextmanager
    def __call__(self) -> Iterator[list[str]]:
        self.seen.clear()
        self._on = True
        try:
            yield self.seen
        finally:
            self._on = False


watch = Watch()
