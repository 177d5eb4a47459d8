"""The sandbox service: an authorization server to practice with. Its own settings and process, never in production."""
