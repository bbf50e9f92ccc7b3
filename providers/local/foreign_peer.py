"""A server of another make in a worker's place, as the dispatch sees it."""

from providers.account import Account
from providers.base import Answer, Call, Watch
from providers.errors import ProviderError
from providers.local import foreign_calls
from providers.local.foreign import Foreign, cannot
from providers.local.own import LOOK_SECONDS, without_answer
from providers.local.peer import Away
from providers.local.status import Drawable, Status


class ForeignPeer:
    """It tells nothing of itself but that it lives: its models are those of the configuration.

    Nothing waits there: most such servers go on with what nobody wants any more.
    """

    beside = 0

    def __init__(self, foreign: Foreign, account: Account) -> None:
        """`account` is of its address and its own key. Raises ValueError for an address that is not accepted."""
        self.url = foreign.url
        self.kind = foreign.dialect
        self.most = min(foreign.together, account.max_concurrency)
        self._foreign = foreign
        self._http = account.open("local")
        self._looking = Account(
            foreign.url, foreign.key, LOOK_SECONDS, max_concurrency=2, allow_http=account.allow_http
        ).open("local")
        models = {name: Drawable() for name in foreign.models}
        self._status = Status(models=models, together=foreign.together, engine=foreign.dialect)

    def __repr__(self) -> str:
        return f"<ForeignPeer {self.kind} {self.url}>"

    def cannot(self, call: Call) -> str | None:
        return cannot(self._foreign, call)

    async def look(self) -> Status:
        if not await foreign_calls.alive(self._foreign, self._looking):
            raise Away("its health route does not answer")
        return self._status

    async def ask(self, call: Call, watch: Watch | None) -> Answer:
        try:
            return await foreign_calls.draw(self._foreign, self._http, call, watch)
        except ProviderError as error:
            error.provider = "local"
            raise without_answer(error) from error

    async def close(self) -> None:
        await self._http.close()
        await self._looking.close()
