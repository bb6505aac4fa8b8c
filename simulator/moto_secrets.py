"""`AWS::SecretsManager::Secret` for moto's CloudFormation, which does not know it (5.2.5)."""

import json
import secrets
import string
from typing import Any

from moto.cloudformation import parsing
from moto.core.common_models import CloudFormationModel
from moto.secretsmanager.models import SecretsManagerBackend, secretsmanager_backends


def install() -> None:
    """Makes moto's CloudFormation look again for the types that there are: now also ours."""
    parsing.get_model_list.cache_clear()
    parsing.get_model_map.cache_clear()
    parsing.get_name_type_map.cache_clear()


class Secret(CloudFormationModel):
    """Known to moto by being a subclass.

    `SecretString` and `GenerateSecretString` as in the CloudFormation user guide; of the latter
    the options that decide which characters may occur, not the guarantee that each kind does.
    """

    def __init__(self, arn: str, name: str) -> None:
        self.arn = arn
        self.name = name

    @property
    def physical_resource_id(self) -> str:
        return self.arn

    def is_created(self) -> bool:
        return True

    @staticmethod
    def cloudformation_name_type() -> str:
        return "Name"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::SecretsManager::Secret"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr == "Id"

    def get_cfn_attribute(self, attribute_name: str) -> str:
        return self.arn

    @classmethod
    def create_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
        **_: Any,
    ) -> "Secret":
        properties = cloudformation_json.get("Properties", {})
        created = _backend(account_id, region_name).create_secret(
            name=resource_name,
            secret_string=_secret_string(properties),
            secret_binary=None,
            description=properties.get("Description"),
            tags=properties.get("Tags"),
            kms_key_id=properties.get("KmsKeyId"),
            client_request_token=None,
            replica_regions=[],
            force_overwrite=False,
        )
        described = json.loads(created) if isinstance(created, str) else created
        return cls(arn=described["ARN"], name=resource_name)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        *_: Any,
        **__: Any,
    ) -> Any:
        # As on AWS: the value of a secret is not made anew when only its description changes.
        return original_resource

    @classmethod
    def delete_from_cloudformation_json(
        cls,
        resource_name: str,
        _cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> None:
        _backend(account_id, region_name).delete_secret(
            resource_name, recovery_window_in_days=None, force_delete_without_recovery=True
        )


def _backend(account_id: str, region_name: str) -> SecretsManagerBackend:
    return secretsmanager_backends[account_id][region_name]


def _secret_string(properties: dict[str, Any]) -> str:
    rule = properties.get("GenerateSecretString")
    if rule is None:
        return str(properties.get("SecretString", ""))
    generated = "".join(
        secrets.choice(_alphabet(rule)) for _ in range(int(rule.get("PasswordLength", 32)))
    )
    if "GenerateStringKey" not in rule:
        return generated
    filled = json.loads(rule["SecretStringTemplate"])
    filled[rule["GenerateStringKey"]] = generated
    return json.dumps(filled)


def _alphabet(rule: dict[str, Any]) -> str:
    kinds = {
        "ExcludeLowercase": string.ascii_lowercase,
        "ExcludeUppercase": string.ascii_uppercase,
        "ExcludeNumbers": string.digits,
        "ExcludePunctuation": string.punctuation,
    }
    allowed = [
        characters
        for option, characters in kinds.items()
        if str(rule.get(option)).lower() != "true"
    ]
    if str(rule.get("IncludeSpace")).lower() == "true":
        allowed.append(" ")
    excluded = rule.get("ExcludeCharacters", "")
    return "".join(character for character in "".join(allowed) if character not in excluded)
