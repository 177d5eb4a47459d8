"""Authorization servers that other people wrote, and what tests need to know about each."""
