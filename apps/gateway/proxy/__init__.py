"""The service's API through a connection: a call in, the same call out with the connection's access, the answer back.

`call.py` is the way of a call; what it may hold on the way in and out stands in the modules around it. Nothing here
knows Django's requests: `apps.gateway.api` is the door for programs, `views/try_action.py` that for people.
"""
