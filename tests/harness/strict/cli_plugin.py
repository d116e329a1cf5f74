"""A plug-in of the AWS CLI (version 1) that judges every response of the stock command line tool."""

from . import watch


def awscli_initialize(event_handlers):
    """The name that the CLI calls with the emitter of its session."""
    watch(event_handlers)
