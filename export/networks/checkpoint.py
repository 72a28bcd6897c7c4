"""Loading a state dict completely: half a checkpoint gives plausible nonsense."""

from collections.abc import Callable

from torch import Tensor, nn

from service.errors import ArtifactError


def load_all(
    network: nn.Module, state: dict[str, Tensor], what: str, spare: Callable[[str], bool] = lambda _: False
) -> None:
    """Load every tensor into its place.

    Args:
        what: name of the network, for the message.
        spare: names that may be missing or left over (derived values, unused heads).

    Raises:
        ArtifactError: a tensor is missing, left over or of another shape.
    """
    try:
        result = network.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise ArtifactError(f"the checkpoint is not of {what}: {' '.join(str(error).split())[:300]}") from None
    wrong = [name for name in (*result.missing_keys, *result.unexpected_keys) if not spare(name)]
    if wrong:
        raise ArtifactError(
            f"the checkpoint is not of {what}: {len(wrong)} names do not fit, among them {', '.join(wrong[:3])}"
        )
