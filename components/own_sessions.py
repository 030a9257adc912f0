"""All sessions of a driver, with what was billed for each: for the driver."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from components.listing import Cell, Column, Line, Listing, Page
from components.session_list import billed, span, state_pill
from components.words import UNKNOWN, Reader
from data.queries.listed_sessions import ListedSession, Unbilled
from data.queries.own_sessions import Corrected, OwnSessions
from data.queries.session_list import Place

HEADS = (("when", False), ("charger", False), ("energy", True), ("duration", True), ("state", False))
PATH = "/account/sessions"


class OwnSessionList(Listing):
    """The card; *turned* makes the address of another page."""

    def __init__(self, reader: Reader, turned: Callable[[str, Place], str]) -> None:
        super().__init__(reader, reader.text("own.title"), classes="p-own-sessions")
        self._reader = reader
        self._turned = turned

    def show_sessions(self, own: OwnSessions, now: datetime) -> None:
        """Show *own* as it is at *now*."""
        reader, found = self._reader, own.found
        self.show(
            Page(
                columns=[
                    *(Column(reader.text("own.head." + name), number) for name, number in HEADS),
                    Column(reader.text("own.head.billed"), number=True),
                ],
                lines=[
                    Line(one.id, _cells(one, own.corrected.get(one.id, ()), reader, now))
                    for one in found.sessions
                ],
                empty=reader.text("own.empty"),
                previous="" if found.previous is None else self._turned("before", found.previous),
                next="" if found.next is None else self._turned("after", found.next),
            )
        )


def _cells(
    one: ListedSession, corrected: Sequence[Corrected], reader: Reader, now: datetime
) -> tuple[Cell | str, ...]:
    place = reader.text("sessions.place", site=one.site_name, number=one.connector)
    # P10: when energy flowed, as the dashboard has it; a plug may have been in for longer.
    began = one.energy_started_at or one.started_at
    ended = (one.energy_ended_at or one.ended_at) if one.ended_at is not None else None
    return (
        span(began, ended, reader, now),
        Cell(one.charger_name, place),
        UNKNOWN if one.energy_wh is None else reader.kwh(one.energy_wh),
        reader.length((ended or now) - began),
        state_pill(one.state, reader),
        _billed(one, corrected, reader, now),
    )


def _billed(one: ListedSession, corrected: Sequence[Corrected], reader: Reader, now: datetime) -> Cell:
    """The amount as of now, and what became of it since the first bill."""
    if one.finalized_at is None:
        return Cell(reader.text("own.not_yet"))
    if one.unbilled is Unbilled.NO_PLAN:
        return Cell(reader.text("own.nothing"), reader.text("own.no_plan"))
    if one.unbilled is not None:  # elsewhere, or before there were bills here: nobody knows
        return Cell(reader.text("own.elsewhere"))
    told = [
        reader.text(
            "own.corrected",
            moment=reader.moment(line.created_at, now),
            amount=reader.money(line.amount, line.currency),
        )
        for line in corrected
        if line.amount
    ]
    if not told and not any(amount for amount, _ in one.billed):
        told = [reader.text("own.included")]
    return Cell(billed(one, reader), " · ".join(told))
