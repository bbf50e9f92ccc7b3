"""Where things are kept: Redis (or the bundled Valkey), pictures, secrets. Only this package knows those clients."""
