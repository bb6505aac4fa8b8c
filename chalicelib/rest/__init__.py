"""Our own API: what no vendor's document has, for every app, whatever else it speaks."""
