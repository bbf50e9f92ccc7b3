"""Servers that speak OpenAI's images API, each in its own dialect."""
