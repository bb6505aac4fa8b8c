"""Tells the gateway what only a deployment knows: its public address and its bucket."""

from typing import Any

from chalicelib.store.site import SITE_KEY, Site, site_item

AWS_ADDRESS = ".execute-api."
"""In every address that API Gateway gives out."""


def put_site(dynamodb: Any, *, table: str, site: Site) -> str:
    """Writes it, and returns the address: one of their own that operators have set stays, unless
    the deployment has one of its own."""
    written = dynamodb.get_item(TableName=table, Key=SITE_KEY, ConsistentRead=True).get("Item", {})
    url = str(written.get("url", {}).get("S", ""))
    stays = url and AWS_ADDRESS not in url and AWS_ADDRESS in site.url
    kept = Site(url if stays else site.url, site.bucket)
    dynamodb.put_item(TableName=table, Item=site_item(kept))
    return kept.url.rstrip("/")
