"""What a customer's state remembers of the events that have taken effect."""

from journeys.names import CustomerId
from rules.state import CustomerState


def test_folded_is_the_number_up_to_which_everything_has_taken_effect() -> None:
    """What happened before others that came in earlier is noted beside it until they have taken effect, too."""
    state = CustomerState(CustomerId("amy"))

    def folds(sequence: int, waiting: int | None) -> tuple[int, list[int]]:
        state.has_folded(sequence, waiting)
        return state.folded, state.folded_ahead

    assert folds(1, waiting=2) == (1, [])
    assert folds(4, waiting=2) == (1, [4])
    assert folds(7, waiting=2) == (1, [4, 7])
    assert folds(2, waiting=6) == (4, [7])
    assert folds(6, waiting=None) == (7, [])
