"""Bind, release, extend; where a call goes; and the work at carriers that keep bindings."""
