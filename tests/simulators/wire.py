"""The HTTP client of all tests here, which `conftest.py` closes: making one costs more than a request."""

import httpx

WIRE = httpx.Client()
