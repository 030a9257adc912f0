"""Plans and subscriptions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

import click
from sqlalchemy import Connection, or_, select

from app import clock
from app.billing.plans import Begun, CannotSubscribe, NotABorder, Plans, Terms, WrongTerms
from app.commands.chargers import Currency
from app.commands.opening import PROGRAM, Amount, driver, email_address, opened
from app.settings import load
from data.caller import COMMAND_LINE
from data.database import Database
from data.models import Plan, Subscription
from data.money import minor_digits

T = TypeVar("T")

WRONG = {
    "name": "A name has from 1 to 200 characters, all of which can be seen.",
    "taken": "There is a plan {name} already.",
    "currency": "There is no such currency.",
    "range": "A number is too large.",
    "either": "A plan is either --unlimited or has an --included amount.",
}
"""By the words of `WrongTerms` that options can lead to."""
CANNOT = {
    "plan": "There is no such plan; add-plan makes one.",
    "retired": "This plan is not given to anybody any more.",
    "driver": "There is no such driver; add-driver makes one.",
    "day": "A subscription begins within ten years before and one year after today.",
    "billed": "Energy from that day on was billed under the plan before; give a later --from.",
}
"""By the words of `CannotSubscribe`."""


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
    terms = Terms(
        name=name,
        currency=currency,
        base_fee=_whole(base_fee, minor_digits(currency), "--base-fee"),
        price_per_kwh=_whole(price, 4, "--price"),
        included_wh=_whole(included, 3, "--included"),
        unlimited=unlimited,
    )
    try:
        _with_plans(lambda plans: plans.add(COMMAND_LINE, terms))
    except WrongTerms as wrong:
        said = [WRONG[word].format(name=name) for word in wrong.problems.values()]
        raise click.ClickException(" ".join(said)) from None
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
    help="The subscription's first day, YYYY-MM-DD.  "
    "[default: today; with a plan before, when its billing period is over]",
)
@click.option("--replace", is_flag=True, help="End the subscription that the driver has now.")
def subscribe(email: str, plan: str, anchor_day: int | None, since: datetime | None, replace: bool) -> None:
    """Subscribe the driver EMAIL to PLAN."""
    now = clock.now()

    async def begin(plans: Plans) -> Begun:
        account, plan_id, has = await plans.database.ask(_named, email, plan, now)
        if has is not None and not replace:
            raise click.ClickException(
                f"{email_address(email)} is subscribed to {has} already; --replace ends that one."
            )
        first = since.date() if since is not None else None
        return await plans.subscribe(COMMAND_LINE, account, plan_id, anchor_day, first)

    try:
        begun = _with_plans(begin)
    except NotABorder as border:
        raise click.ClickException(
            "A plan takes over where a billing period begins: give "
            f"--from {border.before} or --from {border.after}."
        ) from None
    except CannotSubscribe as error:
        raise click.ClickException(CANNOT[error.why]) from None
    click.echo(
        f"{email_address(email)} is subscribed to {plan.strip()} from {begun.started_on} on; "
        f"billing periods begin on day {begun.anchor_day}."
    )


def _named(db: Connection, email: str, plan: str, now: datetime) -> tuple[int, int, str | None]:
    """Ids of the driver and the plan, and the name of the plan that the driver has."""
    account = driver(db, email)
    found = select(Plan.id).where(Plan.name == plan.strip(), Plan.retired_at.is_(None))
    plan_id = db.execute(found).scalar()
    if plan_id is None:
        raise click.ClickException(f"There is no plan {plan}; add-plan makes one.")
    has = db.execute(
        select(Plan.name)
        .join(Subscription, Subscription.plan_id == Plan.id)
        .where(
            Subscription.account_id == account,
            or_(Subscription.ended_on.is_(None), Subscription.ended_on > now.date()),
        )
        .order_by(Subscription.started_on)
    ).scalar()
    return account, plan_id, has


def _with_plans(do: Callable[[Plans], Awaitable[T]]) -> T:
    """What *do* returns, with the plans of the database of the settings."""

    async def run(database: Database) -> T:
        return await do(Plans(database, load()))

    with opened() as database:
        return asyncio.run(run(database))


def _whole(amount: Decimal | None, decimals: int, option: str) -> int | None:
    """*amount* as a whole number of its smallest unit, 10 to the power of -*decimals*."""
    if amount is None:
        return None
    scaled = amount.scaleb(decimals)
    if scaled != int(scaled):
        raise click.ClickException(f"{option} {amount} has more than {decimals} decimals.")
    return int(scaled)
