"""`python -m benchmarks [name] [arguments]`: all of them, or one."""

import sys
from collections.abc import Callable

from benchmarks import (
    boosters,
    clustering,
    identify,
    memory,
    open_set,
    recall,
    search,
    serving_environment,
    votes,
    wildfusion,
)

ALL: dict[str, Callable[..., None]] = {
    "search": search.main,
    "votes": votes.main,
    "boosters": boosters.main,
    "memory": memory.main,
    "identify": identify.main,
    "serving_environment": serving_environment.main,
    "open_set": open_set.main,
    "recall": recall.main,
    "wildfusion": wildfusion.main,
    "clustering": clustering.main,
}


def main(arguments: list[str]) -> None:
    """Run what is asked for."""
    if arguments and arguments[0] not in ALL:
        raise SystemExit(f"no benchmark {arguments[0]!r}; there are: {', '.join(ALL)}")
    for name in arguments[:1] or ALL:
        values = [int(a) if a.isdigit() else a for a in arguments[1:]]
        ALL[name](*values)


if __name__ == "__main__":
    main(sys.argv[1:])
