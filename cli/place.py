"""Where commands work: the stage, the AWS account and the region."""

from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Place:
    """A stage in an AWS account (None: STS did not say) and a region; `endpoint` is where AWS is
    asked, if that is a stand-in."""

    stage: str
    account: str | None
    region: str
    endpoint: str | None

    def __str__(self) -> str:
        stand_in = f", at {self.endpoint}" if self.endpoint else ""
        account = self.account or "unknown"
        return f"stage {self.stage}, account {account}, region {self.region}{stand_in}"


def stand_in(url: str) -> str | None:
    """The address of a client of AWS's, unless it is AWS itself."""
    host = urlsplit(url).hostname or ""
    return None if host.endswith((".amazonaws.com", ".aws")) else url
