"""The AWS stand-in with the two gaps closed that `chalice deploy` falls into; a process."""

import copy
from typing import Any

from moto.apigateway.models import APIGatewayBackend, RestAPI

from simulator.aws import stand_in
from simulator.child import end_with_parent


def close_api_gateway_gaps() -> None:
    """Lets moto (5.2.5) import what Chalice writes and AWS accepts: Swagger 2.0 without a
    description. The parts that moto reads are the same in both versions.
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


def main() -> None:
    """Prints its port, then serves as long as the tests hold its standard input."""
    end_with_parent()
    close_api_gateway_gaps()
    server = stand_in("127.0.0.1", 0)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
