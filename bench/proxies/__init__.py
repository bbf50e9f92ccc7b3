"""The least that a proxy in Python can do: what the gateway is measured against."""
