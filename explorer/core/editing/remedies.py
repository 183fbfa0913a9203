"""What would put a refused edit right: of the remedies that an error names, those that do."""

from collections.abc import Callable

from explorer.core.analysis.design import Design
from explorer.core.network.errors import ParameterError, Remedy, problem_text

#: Most designs that are tried for one button, and most buttons.
MOST_ROUNDS, MOST_REMEDIES = 12, 3

Attempt = Callable[[str, Remedy], Design]


def working(error: BaseException, attempt: Attempt) -> tuple[tuple[Remedy, Design], ...]:
    """Return the remedies of an error that lead to a design, each with that design.

    Args:
        error: Why an edit was refused.
        attempt: Returns the design of the edit with a remedy, given the name of the class that it
            is for; raises what is wrong with it.
    """
    if not isinstance(error, ParameterError):
        return ()
    found: list[tuple[Remedy, Design]] = []
    solved: set[str] = set()  # fields whose other values are no use any more
    for remedy in error.remedies:
        if remedy.is_guess and solved & remedy.changes.keys():
            continue
        done = _tried(error.owner, remedy, attempt)
        if done and all(done[1] != other for _, other in found):
            found.append(done)
            solved |= remedy.changes.keys()
        if len(found) == MOST_REMEDIES:
            break
    return tuple(found)


def problem_without(changes: Remedy, owner: str, attempt: Attempt) -> str:
    """Return what is wrong with a refused edit once something of it is taken back; empty: nothing.

    Args:
        changes: What takes it back.
        owner: Name of the class that this is for.
        attempt: As for `working`.
    """
    try:
        attempt(owner, changes).report  # noqa: B018 — raises for a design that cannot be
    except Exception as error:  # a class that the user wrote can raise anything
        return problem_text(error)
    return ""


def _tried(owner: str, remedy: Remedy, attempt: Attempt) -> tuple[Remedy, Design] | None:
    """Return a remedy that works, and what it leads to; None if it works in no way.

    Where the remedy is refused itself, it is taken further by what that refusal names first.
    """
    for _ in range(MOST_ROUNDS):
        try:
            design = attempt(owner, remedy)
            design.report  # noqa: B018 — raises for a design that cannot be
        except ParameterError as error:
            if remedy.is_guess or error.owner != owner or not error.remedies:
                return None
            further = _joined(remedy, error.remedies[0])
            if further.changes == remedy.changes:
                return None
            remedy = further
        except Exception:  # a class that the user wrote can raise anything
            return None
        else:
            return remedy, design
    return None


def _joined(first: Remedy, then: Remedy) -> Remedy:
    """Return both as one; what comes last counts."""
    if first.changes.keys() <= then.changes.keys():
        return then
    return Remedy({**first.changes, **then.changes}, labels={**first.labels, **then.labels})
