"""Puts the gateway into an AWS account and takes it away again; never in the bundle."""
