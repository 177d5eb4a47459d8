"""Calls to a service's API through a connection: the request with the connection's credentials added, and the response.

`call.py` runs a call; the other modules decide what passes in either direction. Nothing here knows Django's requests:
`apps.gateway.api` is the entry point for programs, `apps.gateway.views` the one for people.
"""
