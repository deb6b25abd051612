"""What every command has: a user's mistakes end in a sentence, not in a traceback."""

from typing import Any

import click

from builder.errors import HornbeamError

__all__ = ["Command"]


class _Failure(click.ClickException):
    exit_code = 2


class Command(click.Command):
    """A command whose errors of a user's doing are one sentence on stderr and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except HornbeamError as error:
            raise _Failure(str(error)) from error
