"""The domain: what a binding is, who may reach whom, and what has to be recorded."""
