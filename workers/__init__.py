"""Programs that draw: the workers behind the `local` provider."""
