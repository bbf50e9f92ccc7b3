"""fal's endpoints by their id."""

from simulators.fal.edit_models import EDIT_MODELS
from simulators.fal.endpoint import Endpoint
from simulators.fal.text_models import TEXT_MODELS

ENDPOINTS: dict[str, Endpoint] = {row.id: row for row in (*TEXT_MODELS, *EDIT_MODELS)}
