"""The steps of a request, a file each."""
