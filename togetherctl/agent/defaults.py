"""What the agent does where nothing keeps sessions ahead."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from togetherctl.agent.protocol import Document


class NoAhead:
    """Nothing is refreshed before it is asked for."""

    def tick(self) -> float:
        return 3600.0

    def states(self) -> Mapping[str, Document]:
        return {}
