"""`easel worker`: a worker that draws pictures for a gateway. The command is the worker's own."""

from workers.command import command

__all__ = ["command"]
