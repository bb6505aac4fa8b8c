"""Events out: delivered to the apps' endpoints, retried, delivered again."""
