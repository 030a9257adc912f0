"""Plans and subscriptions."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import click
from sqlalchemy import insert, select, update

from app import clock
from app.commands.chargers import Currency
from app.commands.opening import PROGRAM, Amount, driver, email_address, opened, shown_name
from app.settings import load
from data import audit
from data.announcements import Announcement, Topic
from data.caller import COMMAND_LINE
from data.database import Change
from data.models import Account, Plan, Subscription
from data.money import minor_digits


@click.command("add-plan")
@click.argument("name")
@click.option("--currency", type=Currency(), default="EUR", show_default=True, help="Of its prices.")
@click.option("--base-fee", type=Amount(), help="A billing period's fixed price, such as 19.00.")
@click.option("--price", type=Amount(), help="Price of a kWh beyond what is included, such as 0.28.")
@click.option("--included", type=Amount(), help="kWh a billing period that the base fee covers.")
@click.option("--unlimited", is_flag=True, help="The base fee covers everything.")
def add_plan(
    name: str,
    currency: str,
    base_fee: Decimal | None,
    price: Decimal | None,
    included: Decimal | None,
    unlimited: bool,
) -> None:
    """Add the plan NAME: a price list with an optional included amount."""
    name = shown_name(name)
    if unlimited and included is not None:
        raise click.ClickException("A plan is either --unlimited or has an --included amount.")
    decimals = minor_digits(currency)
    row = {
        "name": name,
        "currency": currency,
        "base_fee": _whole(base_fee, decimals, "--base-fee"),
        "price_per_kwh": _whole(price, 4, "--price"),
        "included_wh": _whole(included, 3, "--included"),
        "unlimited": unlimited,
    }

    def add(change: Change) -> None:
        if change.execute(select(Plan.id).where(Plan.name == name)).first():
            raise click.ClickException(f"There is a plan {name} already.")
        change.execute(insert(Plan), row)

    with opened() as database:
        database.change_now(add)
    click.echo(f"Plan {name} added. Next: {PROGRAM} subscribe EMAIL {name!r}")


@click.command("subscribe")
@click.argument("email")
@click.argument("plan")
@click.option(
    "--anchor-day",
    type=click.IntRange(1, 31),
    help="Day of the month on which a billing period begins; in a shorter month its last day.  "
    "[default: the day of --from]",
)
@click.option(
    "--from",
    "since",
    type=click.DateTime(["%Y-%m-%d"]),
    help="The subscription's first day, YYYY-MM-DD.  [default: today]",
)
@click.option("--replace", is_flag=True, help="End the subscription that the driver has now.")
def subscribe(email: str, plan: str, anchor_day: int | None, since: datetime | None, replace: bool) -> None:
    """Subscribe the driver EMAIL to PLAN."""

    def add(change: Change) -> int:
        account = driver(change, email)
        terms = change.execute(select(Plan.id).where(Plan.name == plan.strip())).scalar()
        if terms is None:
            raise click.ClickException(f"There is no plan {plan}; add-plan makes one.")
        zone = change.execute(select(Account.time_zone).where(Account.id == account)).scalar()
        today = clock.now().astimezone(ZoneInfo(zone or load().default_time_zone)).date()
        first = since.date() if since is not None else today
        has = change.execute(
            select(Subscription.id, Subscription.started_on, Plan.name)
            .join(Plan, Plan.id == Subscription.plan_id)
            .where(Subscription.account_id == account, Subscription.ended_on.is_(None))
        ).first()
        if has is not None and not replace:
            raise click.ClickException(
                f"{email_address(email)} is subscribed to {has.name} already; --replace ends that one."
            )
        if has is not None:
            ended = max(first, has.started_on)
            change.execute(update(Subscription).where(Subscription.id == has.id).values(ended_on=ended))
        day = anchor_day or first.day
        change.execute(
            insert(Subscription),
            {"account_id": account, "plan_id": terms, "anchor_day": day, "started_on": first},
        )
        details = {"plan": plan.strip(), "from": first.isoformat(), "anchor_day": day}
        audit.record(
            change, COMMAND_LINE, "subscription.begin", clock.now(), subject_id=account, details=details
        )
        change.announce(Announcement(Topic.PLAN, account))
        return day

    with opened() as database:
        day = database.change_now(add)
    click.echo(f"{email_address(email)} is subscribed to {plan.strip()}; billing periods begin on day {day}.")


def _whole(amount: Decimal | None, decimals: int, option: str) -> int | None:
    """*amount* as a whole number of its smallest unit, 10 to the power of -*decimals*."""
    if amount is None:
        return None
    scaled = amount.scaleb(decimals)
    if scaled != int(scaled):
        raise click.ClickException(f"{option} {amount} has more than {decimals} decimals.")
    return int(scaled)
