"""The site map: every page of the portal, one file a page or family of pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.pages import (
    account,
    account_data,
    account_sessions,
    acting_banner,
    admin,
    admin_audit,
    admin_cards,
    admin_charger,
    admin_charger_import,
    admin_chargers,
    admin_display,
    admin_displays,
    admin_health,
    admin_people,
    admin_person,
    admin_plan,
    admin_plans,
    admin_reservations,
    admin_session,
    admin_sessions,
    admin_sites,
    confirm,
    dashboard,
    errors,
    kiosk,
    links,
    new_charger,
    new_display,
    plan_editor,
    quarantine,
    refusals,
    setup,
    sign_in,
    switch,
    time_limit,
    welcome,
)
from components import theme

if TYPE_CHECKING:
    from app.portal import Portal


def install(portal: Portal) -> None:
    """Install all pages into NiceGUI's app; what is not named here does not exist."""
    theme.install()
    time_limit.install()  # before the first page
    errors.install(portal)
    dashboard.install(portal)  # /
    sign_in.install(portal)  # /sign-in
    welcome.install(portal)  # /welcome/{token}
    links.install(portal)  # /invitation/{token}, /password/{token}, /enter/{token}, /forgot
    admin.install(portal)  # /admin
    admin_cards.install(portal)  # /admin/cards
    new_charger.install(portal)  # /admin/chargers/new: before the page of one charger
    admin_chargers.install(portal)  # /admin/chargers
    new_display.install(portal)  # /admin/displays/new: before the page of one display
    admin_displays.install(portal)  # /admin/displays
    admin_display.install(portal)  # /admin/displays/{display_id}
    admin_people.install(portal)  # /admin/drivers, /admin/operators
    admin_health.install(portal)  # /admin/health
    admin_person.install(portal)  # /admin/drivers/{driver_id}, /admin/operators/{operator_id}
    admin_audit.install(portal)  # /admin/audit, /admin/audit.csv
    admin_plans.install(portal)  # /admin/plans
    plan_editor.install(portal)  # /admin/plans/new, /admin/plans/{plan_id}/edit
    admin_plan.install(portal)  # /admin/plans/{plan_id}
    admin_reservations.install(portal)  # /admin/reservations
    admin_sessions.install(portal)  # /admin/sessions, /admin/sessions.csv
    admin_session.install(portal)  # /admin/sessions/{session_id}
    admin_sites.install(portal)  # /admin/sites, /admin/sites/{site_id}
    quarantine.install(portal)  # /admin/quarantine
    setup.install(portal)  # /admin/setup
    switch.install(portal)  # /switch
    confirm.install(portal)  # /confirm
    kiosk.install(portal)  # /kiosk, /kiosk/{token}
    account.install(portal)  # /account
    account_data.install(portal)  # /account/data.json, /account/sessions.csv
    account_sessions.install(portal)  # /account/sessions
    admin_charger_import.install(portal)  # /admin/chargers/import
    admin_charger.install(portal)  # /admin/chargers/{charger_id}, after those that have a name
    refusals.install(portal)
    acting_banner.install(portal)
