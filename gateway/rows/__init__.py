"""Models and plans as rows of JSON, for the API and for a command line that works without one."""
