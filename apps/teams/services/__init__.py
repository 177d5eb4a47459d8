"""What can be done with people, teams and keys. Each service owns its transaction and writes its audit event in it."""
