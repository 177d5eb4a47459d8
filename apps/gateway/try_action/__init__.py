"""What *Try an action* takes and shows: a request as a person writes it, its lines for a program, an answer to read."""
