"""The only room with the OpenAI SDK."""
