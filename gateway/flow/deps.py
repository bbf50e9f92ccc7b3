"""What the pipeline works with: built once by gateway/app.py and handed down."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.flow.adapters import Adapters
from gateway.flow.admission import Admission
from gateway.flow.finish import Finisher
from gateway.flow.gate import Gate
from gateway.flow.others import Others
from gateway.flow.room import Room
from gateway.flow.routing import Routing
from gateway.flow.shared import SharedRuns
from gateway.settings import Settings
from gateway.store.claims import Claims
from gateway.store.pictures import Pictures
from gateway.store.records import Records
from gateway.store.runs import Runs
from gateway.telemetry import Telemetry
from normalizers.catalog import Catalog
from providers.base import Downloads


@dataclass(frozen=True, slots=True)
class Deps:
    """`adapters` says what a team can ask; `titles` are names for people, `missing` what to set for those that are off.

    `foreign` fetches what a caller points to: it trusts no host.
    """

    settings: Settings
    catalog: Catalog
    adapters: Adapters
    titles: Mapping[str, str]
    missing: Mapping[str, str]
    foreign: Downloads
    finisher: Finisher
    pictures: Pictures
    claims: Claims
    records: Records
    runs: Runs
    shared: SharedRuns
    others: Others
    gate: Gate
    limits: Admission
    room: Room
    routing: Routing
    telemetry: Telemetry
    signing_keys: tuple[bytes, ...]
