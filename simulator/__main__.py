"""`python -m simulator run` and `python -m simulator demo`."""

import sys
from pathlib import Path

import click

STATE = Path(".local")


@click.group()
def cli() -> None:
    """The outside world of the masking gateway, on one machine, without cloud or telephone."""


@cli.command()
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    default=STATE,
    show_default=True,
    help="Directory for demo.json and the logs.",
)
def run(state: Path) -> None:
    """Run the whole local stack until Ctrl-C.

    Ports come from the environment: PORT (gateway, 8000), SIMULATOR_PORT (8001), AWS_PORT (8002),
    and <VENDOR>_PORT for each simulated vendor: NETEASE_PORT (8003), INTERLINE_PORT (8004).
    """
    from simulator.stack import run as run_stack

    sys.exit(run_stack(state))


@cli.command()
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    default=STATE,
    show_default=True,
    help="Directory where the running stack wrote demo.json.",
)
def demo(state: Path) -> None:
    """Show the main job on the running stack, step by step, and check every step."""
    # As an app would install it.
    sys.path.append(str(Path(__file__).parent.parent / "clients" / "python"))
    from simulator.demo import run as run_demo

    sys.exit(run_demo(state / "demo.json"))


if __name__ == "__main__":
    cli()
