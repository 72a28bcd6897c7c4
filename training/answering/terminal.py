"""A person at the terminal: one key a pair."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from rich.console import Console
from rich.markup import escape
from rich.prompt import Prompt

from service.clustering.pairs import Pair

ANSWERS: Mapping[str, bool | None] = MappingProxyType({"s": True, "d": False, "?": None})
_BACK, _QUIT = "u", "q"
_KEYS = "[bold]s[/]ame, [bold]d[/]ifferent, [bold]?[/] cannot tell, [bold]u[/]ndo the last, [bold]q[/]uit and keep"


class Terminal:
    """Asks pair after pair: s same, d different, ? cannot tell, u back to the pair before, q (or the end of the input) stop.

    Every answer is handed on at once; after `u` the old one stands until another is given. What is left when the person stops stays open.

    Args:
        names: [N] what to call each image: its name or its file, as on the contact sheets.
        console: None: the terminal.
    """

    def __init__(self, names: Sequence[str], console: Console | None = None) -> None:
        self._names, self._console = names, console or Console(stderr=True)

    def answer(self, pairs: Sequence[Pair]) -> Iterator[tuple[Pair, bool | None]]:
        """As `Oracle.answer`; pairs are numbered from 1 as on their contact sheets."""
        if pairs:
            self._console.print(_KEYS)
        place = 0
        while place < len(pairs):
            key = self._key(place, pairs)
            if key == _QUIT:
                return
            if key == _BACK:
                place = max(0, place - 1)
                continue
            yield pairs[place], ANSWERS[key]
            place += 1

    def _key(self, place: int, pairs: Sequence[Pair]) -> str:
        u, v = pairs[place]
        question = f"{place + 1}/{len(pairs)}  {escape(self._names[u])}  |  {escape(self._names[v])}"
        try:
            return Prompt.ask(question, console=self._console, choices=[*ANSWERS, _BACK, _QUIT], case_sensitive=False)
        except (EOFError, KeyboardInterrupt):
            return _QUIT
