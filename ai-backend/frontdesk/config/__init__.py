"""What people write for the desk: business.toml and each agent's agent.toml."""
