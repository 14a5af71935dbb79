"""Asking a source for one chunk while the one before it is being judged and recorded."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from itertools import islice

from grodt.bars.chunks import Chunk

#: Chunks asked for ahead of the one being recorded; each may be a year of thousands of symbols in memory.
FETCH_AHEAD = 1


class Answers[T]:
    """Answers in the order of the chunks, the next `FETCH_AHEAD` being asked for meanwhile. Leaving it cancels what is under way."""

    def __init__(self, ask: Callable[[Chunk], Coroutine[object, object, T]], chunks: Sequence[Chunk]) -> None:
        self._ask = ask
        self._chunks = chunks
        self._asked: deque[tuple[Chunk, asyncio.Task[T]]] = deque()

    async def __aenter__(self) -> AsyncIterator[tuple[Chunk, T]]:
        return self._answers()

    async def __aexit__(self, *_: object) -> None:
        tasks = [task for _, task in self._asked]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _answers(self) -> AsyncIterator[tuple[Chunk, T]]:
        waiting = iter(self._chunks)
        while True:
            for chunk in islice(waiting, 1 + FETCH_AHEAD - len(self._asked)):
                self._asked.append((chunk, asyncio.create_task(self._ask(chunk))))
            if not self._asked:
                return
            chunk, task = self._asked[0]
            answer = await task
            self._asked.popleft()
            del task  # holds its answer
            yield chunk, answer
            del answer
