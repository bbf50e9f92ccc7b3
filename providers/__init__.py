"""One folder a provider: an adapter that speaks its protocol, and the tables of its offers."""
