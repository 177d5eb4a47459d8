"""Screenshots of every page, for people who look pages over."""
