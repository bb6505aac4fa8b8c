"""What moto's CloudFormation (5.2.5) lacks when a stack goes: it knows `Retain` only."""

from moto.cloudformation.parsing import ResourceMap


def install() -> None:
    """Makes it keep what is `RetainExceptOnCreate`, too."""
    delete = ResourceMap.delete

    def kept(self: ResourceMap) -> None:
        for resource in self._resource_json_map.values():
            if resource.get("DeletionPolicy") == "RetainExceptOnCreate":
                resource["DeletionPolicy"] = "Retain"
        delete(self)

    ResourceMap.delete = kept
