"""Where the gateway is to be found, when that is not the address that API Gateway gave it."""

from admin.place import account
from chalicelib.core.errors import RefusedAddress
from chalicelib.stage_settings import settings
from chalicelib.store import clients
from chalicelib.store.site import SITE_KEY, Site, site_item
from chalicelib.wiring import egress
from cli.failures import Mistake


def set_url(url: str) -> Site:
    """Writes the address, which stands in links to recordings; deployments leave it as it is.
    Raises Mistake."""
    check_url(url)
    site = Site(url.rstrip("/"), _bucket())
    clients.dynamodb().put_item(TableName=settings().table_name, Item=site_item(site))
    return site


def check_url(url: str) -> None:
    """Raises Mistake unless it can be the gateway's: https, a public name, perhaps a path. On a
    developer's machine http, a port and a name without a dot will do."""
    try:
        egress.guard.read(url)
        why = "a query or fragment" if set("?#") & set(url) else ""
    except RefusedAddress as error:
        why = error.why
    if why:
        raise Mistake(
            f"the gateway's address is refused ({why}): https://, a public name and perhaps a path"
            " are wanted, for example https://calls.example.org"
        )


def _bucket() -> str:
    """As the deployment wrote it; after one without `infra`, its name by the template."""
    found = clients.dynamodb().get_item(
        TableName=settings().table_name, Key=SITE_KEY, ConsistentRead=True
    )
    if "Item" in found:
        return str(found["Item"]["bucket"]["S"])
    owner = account()
    if owner is None:
        raise Mistake("STS does not say which account this is, and the bucket has it in its name")
    return f"masking-gateway-{settings().stage}-files-{owner}"
