"""Made-up services, each with one way of its own; every one is connected, refreshed, used and disconnected."""
