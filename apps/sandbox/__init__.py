"""The sandbox service: a real authorization server to practise with, a house of its own beside the product."""
