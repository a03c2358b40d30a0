"""`--offline`: nothing reaches the network, and nothing else breaks."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from castline.errors import CastlineError


def run(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own, since there is no way back."""
    script = f"from castline.offline import forbid_network\n{textwrap.dedent(code)}"
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )


OPENINGS = {
    "connect": "socket.socket().connect(('127.0.0.1', 9))",
    "connect_ex": "socket.socket().connect_ex(('127.0.0.1', 9))",
    "connect ipv6": "socket.socket(socket.AF_INET6).connect(('::1', 9))",
    "listen": "socket.socket().bind(('127.0.0.1', 0))",
    "datagram": "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))",
    "look up": "socket.getaddrinfo('castline.invalid', 80)",
    "look up by the old call": "socket.gethostbyname('castline.invalid')",
    "urllib": "urllib.request.urlopen('http://127.0.0.1:9/')",
}


@pytest.mark.parametrize("call", OPENINGS.values(), ids=OPENINGS)
def test_every_way_to_the_network_raises_a_clear_error(call: str) -> None:
    done = run(f"""
        import socket, urllib.request
        forbid_network()
        {call}
    """)

    assert done.returncode == 1
    assert f"{CastlineError.__name__}: Something tried to " in done.stderr
    assert "--offline forbids the network" in done.stderr


def test_files_processes_and_local_sockets_go_on_working() -> None:
    done = run("""
        import multiprocessing, pathlib, socket, subprocess, sys, tempfile
        forbid_network()
        forbid_network()
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, "a")
            file.write_text("kept")
            assert file.read_text() == "kept"
            server = socket.socket(socket.AF_UNIX)
            server.bind(str(pathlib.Path(folder, "s")))
            server.listen()
            client = socket.socket(socket.AF_UNIX)
            client.connect(str(pathlib.Path(folder, "s")))
        left, right = socket.socketpair()
        left.sendall(b"x")
        assert right.recv(1) == b"x"
        assert subprocess.run([sys.executable, "-c", "pass"]).returncode == 0
        with multiprocessing.get_context("fork").Pool(2) as pool:
            assert pool.map(abs, [-1, -2]) == [1, 2]
        print("all good")
    """)

    assert done.stdout == "all good\n", done.stderr


def test_workers_forbid_it_for_themselves() -> None:
    done = run("""
        import concurrent.futures, multiprocessing, socket
        from castline.errors import CastlineError

        def look_up():
            socket.getaddrinfo("castline.invalid", 80)

        context = multiprocessing.get_context("fork")
        with concurrent.futures.ProcessPoolExecutor(
            1, mp_context=context, initializer=forbid_network
        ) as pool:
            try:
                pool.submit(look_up).result()
            except CastlineError as error:
                print(error)
    """)

    assert "Something tried to look up 'castline.invalid'" in done.stdout, done.stderr
