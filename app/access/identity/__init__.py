"""Identity providers: the protocol alone. It knows nothing of accounts and pages (T9–T12, T21, T48).

`load` reads who they are, `Providers` sends browsers there and checks who comes back, `flow_cookie` ties an
attempt to its browser.
"""

from app.access.identity import flow_cookie
from app.access.identity.code_flow import Providers
from app.access.identity.person import Begun, Finished, LoggedOut, Person
from app.access.identity.problems import (
    Declined,
    NotSignedIn,
    ProviderDown,
    StartAgain,
    UnknownProvider,
    Untrusted,
)
from app.access.identity.providers import Provider, WrongProviders, load

__all__ = [
    "Begun",
    "Declined",
    "Finished",
    "LoggedOut",
    "NotSignedIn",
    "Person",
    "Provider",
    "ProviderDown",
    "Providers",
    "StartAgain",
    "UnknownProvider",
    "Untrusted",
    "WrongProviders",
    "flow_cookie",
    "load",
]
