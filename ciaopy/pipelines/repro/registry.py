"""Which instrument's step table serves an observation.

A new one is a module beside `acis.py` with `recipe(job)` and `carried_over(events)`, and a line in `RECIPES`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ciaopy.errors import NotAvailableError
from ciaopy.pipelines.repro import acis, gratings, hrc

if TYPE_CHECKING:
    from ciaopy.engine import Recipe
    from ciaopy.observation import EventFile
    from ciaopy.pipelines.repro.job import Job

__all__ = ["RECIPES", "RecipeBuilder", "builder_of"]


@dataclass(frozen=True, kw_only=True)
class RecipeBuilder:
    """What chandra_repro asks of an instrument.

    Attributes
    ----------
    recipe : callable
        Returns the step list of a job.
    carried_over : callable
        Returns two phrases for a run without CALDB: what is computed anew, and what the archive's processing leaves.
    calibrated : callable
        Returns whether bad pixels can be made from the user's CALDB.
    """

    recipe: Callable[[Job], Recipe]
    carried_over: Callable[[EventFile], tuple[str, str]]
    calibrated: Callable[[EventFile], bool] = lambda events: True


#: By INSTRUME, and whether a grating was in.
RECIPES: dict[tuple[str, bool], RecipeBuilder] = {
    ("ACIS", False): RecipeBuilder(recipe=acis.recipe, carried_over=acis.carried_over),
    ("ACIS", True): RecipeBuilder(recipe=gratings.acis_recipe, carried_over=gratings.carried_over),
    ("HRC", True): RecipeBuilder(
        recipe=gratings.hrc_recipe, carried_over=gratings.carried_over, calibrated=hrc.can_make_bad_pixels
    ),
    ("HRC", False): RecipeBuilder(recipe=hrc.recipe, carried_over=hrc.carried_over, calibrated=hrc.can_make_bad_pixels),
}


def builder_of(events: EventFile) -> RecipeBuilder:
    """Return what makes the step list of an observation.

    Raises
    ------
    NotAvailableError
        Its instrument or grating has none yet.
    """
    grating = events.grating != "NONE"
    found = RECIPES.get((events.instrument, grating))
    if found is not None:
        return found
    known = (events.instrument, False) in RECIPES
    what = f"GRATING={events.grating}" if grating and known else f"INSTRUME={events.instrument}"
    raise NotAvailableError(
        f"{events.path}: {what} observations are not reprocessed by ciaopy yet; nothing was done"
        " (observations without grating are)"
    )
