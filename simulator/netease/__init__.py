"""NetEase's server, written from its documents; shares no code with the gateway."""
