"""What Schemathesis takes for a wrong request, and is none as it is sent (hooks of its command)."""

import schemathesis
from schemathesis.core.mutations import Mutation
from schemathesis.core.parameters import ParameterLocation


@schemathesis.hook
def filter_case(context: schemathesis.HookContext, case: schemathesis.Case) -> bool:
    """Leaves out a request all of whose faults are gone when it is sent: `--auth` puts the header
    back that was left out, and of an unknown parameter that is an empty list nothing is sent."""
    meta = case.meta
    if meta is None or not meta.generation.mode.is_negative:
        return True
    faults = getattr(meta.phase.data, "mutations", ())
    return not faults or not all(_gone(fault, case) for fault in faults)


def _gone(fault: Mutation, case: schemathesis.Case) -> bool:
    if fault.parameter_location is ParameterLocation.HEADER:
        return fault.keywords == ("required",) and fault.parameter == "Authorization"
    if fault.parameter_location is ParameterLocation.QUERY:
        known = {parameter.name for parameter in case.operation.query}
        sent = {name for name, value in (case.query or {}).items() if value not in ([], {}, None)}
        return fault.keywords == ("additionalProperties",) and sent <= known
    return False
