"""The tables. Constraints carry the names of the convention below, on SQLite and PostgreSQL alike.

Nothing here loads rows as objects: queries read columns (`data/queries`), so there are no
relationships and no hidden SQL. ``Wh`` columns are integers, moments are UTC.
"""

from __future__ import annotations

from data.models.asking import ChargerCommand, CheckIn, TagSighting
from data.models.base import Base, BigId
from data.models.billing import Charge, SessionCorrection
from data.models.charging import (
    ChargingSession,
    EnergyStep,
    Mapping,
    MeterSample,
    Reservation,
    TransactionEvent,
)
from data.models.displays import Display, Pairing
from data.models.known_browsers import KnownBrowser
from data.models.people import Account, AuditEntry, Browser, Identity, OneTimeLink, SignIn, UsedOnce
from data.models.plans import Plan, Subscription
from data.models.site import (
    Charger,
    ChargerGroup,
    ChargerReport,
    Connector,
    GroupAccount,
    GroupCharger,
    QuarantinedMessage,
    Site,
)
from data.models.telling import News

__all__ = [
    "Account",
    "AuditEntry",
    "Base",
    "BigId",
    "Browser",
    "Charge",
    "Charger",
    "ChargerCommand",
    "ChargerGroup",
    "ChargerReport",
    "ChargingSession",
    "CheckIn",
    "Connector",
    "Display",
    "EnergyStep",
    "GroupAccount",
    "GroupCharger",
    "Identity",
    "KnownBrowser",
    "Mapping",
    "MeterSample",
    "News",
    "OneTimeLink",
    "Pairing",
    "Plan",
    "QuarantinedMessage",
    "Reservation",
    "SessionCorrection",
    "SignIn",
    "Site",
    "Subscription",
    "TagSighting",
    "TransactionEvent",
    "UsedOnce",
]
