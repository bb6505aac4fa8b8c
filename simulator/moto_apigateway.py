"""What moto's API Gateway (5.2.5) lacks of what AWS takes from Chalice."""

import copy
import json
from typing import Any

from moto.apigateway.models import APIGatewayBackend, DomainName, RestAPI, Stage
from moto.apigateway.responses import APIGatewayResponse


def install() -> None:
    """Lets it import what Chalice writes and AWS accepts: Swagger 2.0 without a description, of
    which the parts that moto reads are the same as in version 3. Adds UpdateDomainName, domains
    that lead nowhere yet, and what is removed of a stage's method settings.
    """
    import_rest_api = APIGatewayBackend.import_rest_api
    put_rest_api = APIGatewayBackend.put_rest_api

    def as_moto_wants(document: dict[str, Any]) -> dict[str, Any]:
        wanted = copy.deepcopy(document)
        wanted.pop("swagger", None)
        wanted["info"].setdefault("description", "")
        return wanted

    def imported(
        self: APIGatewayBackend, api_doc: dict[str, Any], fail_on_warnings: bool
    ) -> RestAPI:
        return import_rest_api(self, as_moto_wants(api_doc), fail_on_warnings)

    def put(
        self: APIGatewayBackend, function_id: str, api_doc: dict[str, Any], **options: Any
    ) -> RestAPI:
        return put_rest_api(self, function_id, as_moto_wants(api_doc), **options)

    apply = Stage.apply_operations

    def applied(self: Stage, patch_operations: list[dict[str, Any]]) -> Stage:
        for each in patch_operations:
            if each["op"] == "remove":
                self.method_settings.pop(each["path"].removeprefix("/"), None)
        return apply(self, patch_operations)

    create_domain_name = APIGatewayBackend.create_domain_name

    def created(self: APIGatewayBackend, domain_name: str, *given: Any, **more: Any) -> DomainName:
        self.base_path_mappings.setdefault(domain_name, {})
        return create_domain_name(self, domain_name, *given, **more)

    APIGatewayBackend.create_domain_name = created
    Stage.apply_operations = applied
    APIGatewayResponse.update_domain_name = update_domain_name
    APIGatewayBackend.import_rest_api = imported
    APIGatewayBackend.put_rest_api = put


def update_domain_name(self: APIGatewayResponse) -> str:
    """UpdateDomainName, of the certificate."""
    domain = self.backend.get_domain_name(self.path.split("/")[2])
    for each in self._get_param("patchOperations"):
        if each["path"] == "/regionalCertificateArn":
            domain.regional_certificate_arn = each["value"]
    return json.dumps(domain.to_json())
