"""For operators: apps, numbers and switches. Not part of the bundle."""
