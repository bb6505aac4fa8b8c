"""The AWS stand-in as a process of its own for these tests."""

from simulator.aws import stand_in
from simulator.child import end_with_parent


def main() -> None:
    """Prints its port, then serves as long as the tests hold its standard input."""
    end_with_parent()
    server = stand_in("127.0.0.1", 0)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
