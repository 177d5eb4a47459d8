"""The pages of connections: the trip to a service and back, the list, and what can be done with a row of it."""
