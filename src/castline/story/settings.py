"""What `castline.toml` says of the story: `[story.clips]`, `[story.pictures]` and so on."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from castline.errors import SettingsError
from castline.settings import build
from castline.story.clips import ClipSettings
from castline.story.keyframes import KeyframeSettings
from castline.story.relations import RelationSettings
from castline.story.sections import SectionSettings

__all__ = ["StorySettings"]


@dataclass(frozen=True)
class StorySettings:
    """Settings of all steps.

    Attributes:
        clips: How shots become clips.
        pictures: Which pictures of a clip are shown.
        sections: How clips become sections.
        relations: How episodes are read.
    """

    clips: ClipSettings
    pictures: KeyframeSettings
    sections: SectionSettings
    relations: RelationSettings

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> StorySettings:
        """Read them.

        Args:
            settings: The content of `castline.toml`.

        Raises:
            SettingsError: It holds something that it may not hold.
        """
        story = settings.get("story", {})
        if not isinstance(story, Mapping):
            raise SettingsError(
                "castline.toml: [story.clips] and so on expected, found story = ..."
            )
        known = [each.name for each in dataclasses.fields(cls)]
        for name, values in story.items():
            if name not in known or not isinstance(values, Mapping):
                listed = ", ".join(f"[story.{each}]" for each in known)
                raise SettingsError(f"castline.toml, [story]: {name!r} is none of {listed}")
        where = "castline.toml, [story.{}]".format
        return cls(
            clips=build(ClipSettings, story.get("clips", {}), where("clips")),
            pictures=build(KeyframeSettings, story.get("pictures", {}), where("pictures")),
            sections=build(SectionSettings, story.get("sections", {}), where("sections")),
            relations=build(RelationSettings, story.get("relations", {}), where("relations")),
        )
