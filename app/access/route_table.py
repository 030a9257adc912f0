"""Everything that answers at an address, and what each visitor gets there: one table (T1).

The door answers 404 to whatever is not in it, also where NiceGUI or a library adds a route of its own.
`tests/app/test_route_table.py` holds it against the routes of the installed app, and calls each row as
each kind of visitor. A new page or form is one row here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from enum import Enum, StrEnum

import nicegui
from starlette.routing import compile_path

from app.access import uploads

WEBSOCKET = "WEBSOCKET"
"""In the place of a method."""
FORM = "application/x-www-form-urlencoded"
"""The one encoding of forms that is read: others let the sender choose how letters are made of bytes."""
WITH_FILE = "multipart/form-data"
"""That of the forms that bring a file."""
BODY_LIMIT = 65_536
"""Bytes of a form without a file; nobody has anything larger to send."""


class Kind(StrEnum):
    """What answers."""

    PAGE = "page"
    """HTML of NiceGUI's, never kept by the browser; counted as a page load (T34)."""
    DOWNLOAD = "download"
    """Somebody's data as a file; like a page in all else."""
    FORM = "form"
    """A POST of one of our pages, answered with a redirect."""
    FILE = "file"
    """The same for everybody, and may be kept."""
    PROTOCOL = "protocol"
    """A machine's part of a protocol: an identity provider, a charger, the sockets of pages."""


@dataclass(frozen=True, slots=True)
class Gets:
    """The status that each visitor's request is answered with, where what it names is theirs to ask for."""

    nobody: int
    """Not signed in."""
    driver: int
    """The driver whose it is."""
    other: int
    """Another driver: as for what does not exist (T2)."""
    operator: int
    acting: int
    """An operator who acts as the driver: sees what they see (P23), and can't change it (T25)."""
    display: int
    """A kiosk's token where a person's would be."""

    def __iter__(self) -> Iterator[tuple[str, int]]:
        """Each kind of visitor with its status."""
        return ((field.name, getattr(self, field.name)) for field in fields(self))


class To(Enum):
    """The usual answers."""

    ANYBODY = Gets(200, 200, 200, 200, 200, 200)
    STRANGERS = Gets(200, 303, 303, 303, 303, 200)
    """Whoever is signed in already is sent home."""
    ANYBODYS_FORM = Gets(303, 303, 303, 303, 303, 303)
    DRIVERS = Gets(303, 200, 200, 404, 200, 303)
    HOME = Gets(303, 200, 200, 303, 200, 303)
    """P1, P2: an operator is sent to the console."""
    OPERATORS = Gets(303, 404, 404, 200, 404, 303)
    SIGNED_IN = Gets(303, 200, 200, 200, 200, 303)
    NOWHERE = Gets(404, 404, 404, 404, 404, 404)
    """What it takes is not there as a rule: a link that is still good, a provider, a mail server."""
    MACHINES = Gets(404, 404, 404, 404, 404, 404)
    """The world; it is there for the addresses that the settings name, whoever is signed in at them."""
    NO_BROWSER = Gets(403, 403, 403, 403, 403, 403)


@dataclass(frozen=True, slots=True)
class Row:
    """One address, or a family of them."""

    path: str
    """As a route writes it: ``/admin/drivers/{driver_id}``."""
    kind: Kind
    gets: Gets
    methods: frozenset[str] = frozenset({"GET"})
    """``GET`` stands for ``HEAD`` too."""
    from_servers: bool = False
    """True if other servers ask here: they send no Origin, and no cookie is looked at (T37)."""
    encoding: str = FORM
    """Of what is posted."""
    limit: int = BODY_LIMIT
    """Bytes of what is posted, all in all."""


def page(path: str, to: To | Gets) -> Row:
    """A page that `ui.page` installs."""
    return Row(path, Kind.PAGE, to.value if isinstance(to, To) else to)


def form(path: str, to: To | Gets = To.ANYBODYS_FORM) -> Row:
    """What a form posts to."""
    return Row(path, Kind.FORM, to.value if isinstance(to, To) else to, frozenset({"POST"}))


def upload(path: str, to: To | Gets) -> Row:
    """What a form with a file posts to."""
    gets = to.value if isinstance(to, To) else to
    post = frozenset({"POST"})
    return Row(path, Kind.FORM, gets, post, encoding=WITH_FILE, limit=uploads.STILL_READ)


def file(path: str) -> Row:
    """The same for everybody."""
    return Row(path, Kind.FILE, To.ANYBODY.value)


_NICEGUI = f"/_nicegui/{nicegui.__version__}"
ACCOUNT_FORMS = ("name", "email", "password", "end-sign-in", "unlink", "deletion")
ROWS = (
    page("/", To.HOME),
    page("/sign-in", To.STRANGERS),
    page("/welcome/{token}", Gets(303, 303, 303, 303, 303, 303)),
    page("/invitation/{token}", To.NOWHERE),
    page("/password/{token}", To.NOWHERE),
    page("/enter/{token}", To.NOWHERE),
    page("/forgot", To.ANYBODY),
    page("/admin", To.OPERATORS),
    page("/admin/chargers", To.OPERATORS),
    page("/admin/chargers/{charger_id}", To.OPERATORS),
    page("/admin/chargers/import", To.OPERATORS),
    upload("/admin/chargers/import/file", Gets(303, 404, 404, 303, 404, 303)),
    page("/admin/chargers/new", To.OPERATORS),
    page("/admin/displays", To.OPERATORS),
    page("/admin/displays/new", To.OPERATORS),
    page("/admin/displays/{display_id}", To.OPERATORS),
    page("/admin/drivers", To.OPERATORS),
    page("/admin/drivers/{driver_id}", To.OPERATORS),
    page("/admin/health", To.OPERATORS),
    page("/admin/operators", To.OPERATORS),
    page("/admin/quarantine", To.OPERATORS),
    page("/admin/cards", To.OPERATORS),
    page("/admin/operators/{operator_id}", To.OPERATORS),
    page("/admin/audit", To.OPERATORS),
    Row("/admin/audit.csv", Kind.DOWNLOAD, To.OPERATORS.value),
    page("/admin/plans", To.OPERATORS),
    page("/admin/plans/new", To.OPERATORS),
    page("/admin/plans/{plan_id}", To.OPERATORS),
    page("/admin/plans/{plan_id}/edit", To.OPERATORS),
    page("/admin/reservations", To.OPERATORS),
    page("/admin/sessions", To.OPERATORS),
    Row("/admin/sessions.csv", Kind.DOWNLOAD, To.OPERATORS.value),
    page("/admin/sessions/{session_id}", To.OPERATORS),
    page("/admin/setup", To.OPERATORS),
    page("/admin/sites", To.OPERATORS),
    page("/admin/sites/{site_id}", To.OPERATORS),
    page("/account", To.SIGNED_IN),
    page("/account/sessions", To.DRIVERS),
    Row("/account/data.json", Kind.DOWNLOAD, Gets(303, 200, 200, 200, 403, 303)),
    Row("/account/sessions.csv", Kind.DOWNLOAD, Gets(303, 200, 200, 200, 403, 303)),
    form("/auth/sign-in"),
    form("/auth/sign-out"),
    form("/auth/welcome"),
    form("/auth/invitation"),
    form("/auth/password"),
    form("/auth/enter"),
    form("/auth/forgot", To.NOWHERE),
    page("/switch", To.ANYBODY),
    form("/auth/switch"),
    page("/kiosk", To.ANYBODY),
    page("/kiosk/{token}", To.NOWHERE),
    page("/confirm", Gets(303, 200, 200, 200, 404, 303)),
    form("/auth/confirm", Gets(303, 303, 303, 303, 404, 303)),
    form("/auth/acting/begin", Gets(303, 404, 404, 404, 403, 303)),  # without saying as whom
    form("/auth/acting/end"),
    *(form(f"/auth/account/{what}", Gets(303, 303, 303, 303, 403, 303)) for what in ACCOUNT_FORMS),
    Row("/auth/provider/{key}", Kind.PROTOCOL, To.NOWHERE.value),
    Row("/auth/provider/{key}/callback", Kind.PROTOCOL, To.NOWHERE.value),
    Row(
        "/auth/provider/{key}/logout",
        Kind.PROTOCOL,
        To.NOWHERE.value,
        frozenset({"POST"}),
        from_servers=True,
    ),
    Row("/healthz", Kind.PROTOCOL, To.MACHINES.value),
    Row("/metrics", Kind.PROTOCOL, To.MACHINES.value),
    file("/look/{path:path}"),
    file("/favicon.ico"),
    file(_NICEGUI + "/static/{path:path}"),
    file(_NICEGUI + "/components/{key:path}"),
    file(_NICEGUI + "/esm/{key}/{path:path}"),
    Row(
        "/_nicegui_ws/{path:path}", Kind.PROTOCOL, To.NO_BROWSER.value, frozenset({"GET", "POST", WEBSOCKET})
    ),
    Row("/ocpp/{identity:path}", Kind.PROTOCOL, To.NO_BROWSER.value, frozenset({WEBSOCKET})),
)
SHUT = frozenset(
    _NICEGUI + path
    for path in ("/dynamic_resources/{name}", "/libraries/{key:path}", "/resources/{key}/{path:path}")
)
"""Routes that NiceGUI adds and no page of ours needs: they are there, and answered like what is not."""


class RouteTable:
    """The rows, ready to be looked up."""

    def __init__(self, rows: Iterable[Row] = ROWS) -> None:
        self.rows: list[Row] = []
        self._plain: dict[tuple[str, str], Row] = {}
        self._patterns: list[tuple[re.Pattern[str], Row]] = []
        self.add(*rows)

    def add(self, *rows: Row) -> None:
        """Open more addresses, such as a probe of a test's."""
        for row in rows:
            self.rows.append(row)
            if "{" in row.path:
                self._patterns.append((compile_path(row.path)[0], row))
            else:
                self._plain.update({(method, row.path): row for method in row.methods})

    def find(self, method: str, path: str) -> Row | None:
        """The row that answers *method* (or `WEBSOCKET`) at *path*; ``None`` means 404."""
        method = "GET" if method == "HEAD" else method
        if (plain := self._plain.get((method, path))) is not None:
            return plain
        for pattern, row in self._patterns:
            if method in row.methods and pattern.fullmatch(path):
                return row
        return None
