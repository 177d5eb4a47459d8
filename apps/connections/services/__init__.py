"""What can be done with connections. Each service owns its transaction, takes the actor and writes the audit event."""
