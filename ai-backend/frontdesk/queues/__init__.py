"""Wake-ups that carry ids only: within a process, and over RabbitMQ."""
