"""What an agent service is made of."""
