"""Where the gateway is to be found, when that is not the address that API Gateway gave it."""

import boto3

from admin.credentials import Mistake
from chalicelib.core.errors import RefusedAddress
from chalicelib.egress.addresses import check_address
from chalicelib.settings import settings
from chalicelib.store import clients
from chalicelib.store.site import SITE_KEY, Site, site_item


def set_url(url: str) -> Site:
    """Writes the address, which stands in links to recordings; deployments leave it as it is.
    Raises Mistake."""
    if not _is_public(url) and not settings().private_addresses:
        raise Mistake("the gateway's address is https://, a public name, and perhaps a path")
    site = Site(url.rstrip("/"), _bucket())
    clients.dynamodb().put_item(TableName=settings().table_name, Item=site_item(site))
    return site


def _is_public(url: str) -> bool:
    try:
        check_address(url, private=False)
    except RefusedAddress:
        return False
    return not set("?#") & set(url)


def _bucket() -> str:
    """As the deployment wrote it; after one without `infra`, its name by the template."""
    found = clients.dynamodb().get_item(
        TableName=settings().table_name, Key=SITE_KEY, ConsistentRead=True
    )
    if "Item" in found:
        return str(found["Item"]["bucket"]["S"])
    account = boto3.client("sts").get_caller_identity()["Account"]
    return f"masking-gateway-{settings().stage}-files-{account}"
