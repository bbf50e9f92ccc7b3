"""From what a caller asks to what a provider takes: pure functions over tables."""
