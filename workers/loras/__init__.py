"""LoRAs that callers name: where they may come from, how they get here, and what they have to be."""
