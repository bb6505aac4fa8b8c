"""The gateway: everything that ships to Lambda."""
