"""A host name of its own for a stage's API: API Gateway's custom domain and what it leads to."""

from collections.abc import Iterator
from typing import Any

from cli.command import say
from infra.stage import Stage

# No path between the host name and the API's own paths.
ROOT_PATH = "(none)"


class Domain:
    """Whoever has the domain points it (CNAME) at the name that API Gateway gives; the certificate
    is one of ACM in the stage's region."""

    def __init__(self, client: Any, stage: Stage) -> None:
        self._client = client
        self._stage = stage

    def lead_to(self, api: str) -> None:
        """Makes the stage's domain lead to this API, and no other domain."""
        self.delete(api, but=self._stage.domain)
        name, certificate = self._stage.domain, self._stage.certificate
        if not name:
            return
        try:
            domain = self._client.get_domain_name(domainName=name)
        except self._client.exceptions.NotFoundException:
            domain = self._client.create_domain_name(
                domainName=name,
                regionalCertificateArn=certificate,
                endpointConfiguration={"types": ["REGIONAL"]},
                securityPolicy="TLS_1_2",
            )
        if domain["regionalCertificateArn"] != certificate:
            change = {"op": "replace", "path": "/regionalCertificateArn", "value": certificate}
            self._client.update_domain_name(domainName=name, patchOperations=[change])
        wanted = {"basePath": ROOT_PATH, "restApiId": api, "stage": self._stage.api_stage}
        there = self._mappings(name)
        if there != [wanted]:
            self._unmap(name)
            self._client.create_base_path_mapping(domainName=name, **wanted)
        say(f"{name} leads to it, as CNAME of {domain['regionalDomainName']}")

    def delete(self, api: str, *, but: str = "") -> None:
        """Deletes the domains that lead to this API, except one: no API goes before they do."""
        for name in list(self._leading_to(api)):
            if name != but:
                self._unmap(name)
                self._client.delete_domain_name(domainName=name)
                say(f"deleted domain {name}")

    def _leading_to(self, api: str) -> Iterator[str]:
        for page in self._client.get_paginator("get_domain_names").paginate():
            for domain in page["items"]:
                if api in [each["restApiId"] for each in self._mappings(domain["domainName"])]:
                    yield domain["domainName"]

    def _unmap(self, name: str) -> None:
        for each in self._mappings(name):
            self._client.delete_base_path_mapping(domainName=name, basePath=each["basePath"])

    def _mappings(self, name: str) -> list[dict[str, Any]]:
        return list(self._client.get_base_path_mappings(domainName=name).get("items", []))


def resources(stage: Stage) -> dict[str, Any]:
    """The same for CloudFormation, beside the API that Chalice calls `RestAPI`."""
    if not stage.domain:
        return {}
    return {
        "Domain": {
            "Type": "AWS::ApiGateway::DomainName",
            "Properties": {
                "DomainName": stage.domain,
                "RegionalCertificateArn": stage.certificate,
                "EndpointConfiguration": {"Types": ["REGIONAL"]},
                "SecurityPolicy": "TLS_1_2",
            },
        },
        "DomainMapping": {
            "Type": "AWS::ApiGateway::BasePathMapping",
            "Properties": {
                "DomainName": {"Ref": "Domain"},
                "RestApiId": {"Ref": "RestAPI"},
                # Of the resource that the serverless transform makes of the API's stage.
                "Stage": {"Ref": "RestAPI.Stage"},
            },
        },
    }
