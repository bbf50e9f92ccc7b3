"""Strict stand-ins for every provider, written from the providers' documents."""
