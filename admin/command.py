"""What all commands have in common: how a mistake is told, and how points in time are written."""

from datetime import UTC, datetime
from typing import Any

import click
from botocore.exceptions import BotoCoreError, ClientError

from admin.credentials import Mistake
from chalicelib.core.errors import GatewayError, Unavailable


class Command(click.Command):
    """Turns an operator's mistake, or AWS's refusal, into one line."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Mistake as error:
            raise click.ClickException(str(error)) from None
        except ClientError as error:
            said = error.response["Error"]
            message = f"AWS refused {error.operation_name}: {said.get('Message', said['Code'])}"
            raise click.ClickException(message) from None
        except (BotoCoreError, Unavailable) as error:
            raise click.ClickException(f"AWS: {error}") from None
        except GatewayError as error:
            raise click.ClickException(str(error)) from None


class Moment(click.ParamType[int]):
    """A point in time, as epoch ms: `2026-01-15`, or with a time; UTC if it says nothing else."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            read = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time, e.g. 2026-01-15 or 2026-01-15T08:00:00Z", param, ctx)
        at = read if read.tzinfo else read.replace(tzinfo=UTC)
        return round(at.timestamp() * 1000)


def written(at: int) -> str:
    """A point in time (epoch ms) as operators read it, to the second."""
    return f"{datetime.fromtimestamp(at // 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
