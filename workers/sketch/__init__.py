"""A placeholder painter: the same words, seed, size and steps always give the same small poster."""
