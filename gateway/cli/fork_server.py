"""What the fork server of `easel serve --processes N` imports before it forks the processes that serve.

They start within a tenth of a second then, and share the memory of all that is read here. Importing this module changes
the process that does: it is for the fork server alone.
"""

import contextlib
import gc
import os
import signal

from gateway import app
from gateway.settings import ConfigurationError, read_settings
from normalizers.errors import TableError
from providers.registry import read_catalog

LOADED = app

os.setsid()  # Ctrl-C is for the one who supervises
signal.signal(signal.SIGTERM, signal.SIG_IGN)  # some send it to every process of a service at once
with contextlib.suppress(ConfigurationError, TableError):  # the first process that serves says what is wrong
    read_catalog(read_settings().provider_settings(), {})
gc.collect()
gc.freeze()
