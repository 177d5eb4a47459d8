"""The *Try an action* page: its form, sending the request, code samples, and displaying the response."""
