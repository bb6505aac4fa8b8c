"""interline's server, written from its document; shares no code with the gateway."""
