"""The pages of connections: connecting, the list, a connection's own pages, and Plugins."""
