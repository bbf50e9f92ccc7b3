"""What a job may come to cost, and what is held for that of its key's and team's budgets. In micro-dollars."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager

from gateway.store.entries import Allowance, CallRow, Hold, Shortage
from gateway.store.periods import period_name
from gateway.tenancy.caller import Budget


class Account:
    """A call counts with what it is planned to cost, and with its cost once that is known; to that comes what is
    planned and not sent yet. All of it is held before anything is sent: with a dearer provider, more.
    """

    def __init__(self, allowances: Sequence[Allowance], *, held: int = 0) -> None:
        self.allowances = tuple(allowances)
        self.refused: Shortage | None = None  # the budget that does not allow what is expected
        self._held = held
        self._calls: dict[int, int] = {}
        self._reserved = 0
        self._holding = asyncio.Lock()

    def expects(self, micros: int) -> None:
        """Of the calls that come next, all together."""
        self._reserved = micros
        self.refused = None

    def begins(self, call: int, micros: int) -> None:
        self._calls[call] = micros
        self._reserved = max(0, self._reserved - micros)

    def ends(self, call: int, micros: int | None) -> None:
        """None where nobody knows: it counts as planned."""
        if micros is not None:
            self._calls[call] = micros

    @property
    def lacking(self) -> int:
        return max(0, sum(self._calls.values()) + self._reserved - self._held)

    @asynccontextmanager
    async def covered(self) -> AsyncGenerator[Hold | None]:
        """What is still to be held, to be written in the block; it counts as held when the block ends well.

        Calls that begin at once wait for the first of them, which holds enough for all.
        """
        if self.allowances and self.lacking:
            async with self._holding:
                micros = self.lacking
                if micros:
                    yield Hold(micros, self.allowances)
                    self._held += micros
                    return
        yield None


def new_account(budgets: Iterable[Budget], created: float) -> Account:
    """For a job that was accepted then, a Unix moment: it counts in the periods of that moment."""
    return Account([Allowance(each.owner, period_name(each.period, created), each.limit) for each in budgets])


def account_of(budgets: Iterable[Budget], created: float, held: int, calls: Iterable[CallRow]) -> Account:
    """For a job that another process has begun, with what is `held` for it already: of the budgets of that time, until
    more is to be held.
    """
    account = Account(new_account(budgets, created).allowances, held=held)
    for call in calls:
        account.begins(call.number, 0 if call.state == "failed" else call.planned_micros or 0)
        account.ends(call.number, call.cost_micros if call.state == "done" else None)
    return account
