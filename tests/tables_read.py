"""Reading the tables of models takes three quarters of a gateway's start: what is forked later need not do it."""

from gateway.settings import read_settings
from providers.registry import read_catalog


def read_all_tables() -> None:
    read_catalog(read_settings(None, {}).provider_settings(), {})
