"""Use cases over the model and the store; a carrier is known by core's ports alone."""
