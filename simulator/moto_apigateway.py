"""What moto's API Gateway (5.2.5) lacks of what AWS takes from Chalice."""

import copy
from typing import Any

from moto.apigateway.models import APIGatewayBackend, RestAPI


def install() -> None:
    """Lets it import what Chalice writes and AWS accepts: Swagger 2.0 without a description. The
    parts that moto reads are the same in both versions.
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

    APIGatewayBackend.import_rest_api = imported
    APIGatewayBackend.put_rest_api = put
