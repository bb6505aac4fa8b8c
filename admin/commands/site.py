"""Site: where the gateway is to be found."""

import click

from admin import site
from admin.command import Section, changing
from cli.command import Report

SITE = Section("Site")


@SITE.change("site-set")
@click.option("--url", required=True, help="For example https://calls.example.org.")
def site_set(url: str) -> Report:
    """Set the gateway's address, if the domain is yours.

    Links to recordings begin with it. Deployments leave it as it is.
    """
    changing(f"set the gateway's address to {url.rstrip('/')}")
    where = site.set_url(url)
    return Report({"url": where.url, "bucket": where.bucket})
