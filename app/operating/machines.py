"""`/healthz` and `/metrics`: for whom the settings name, and not there for anybody else."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Iterable

from fastapi import FastAPI
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app import request_context
from app.operating.health import Health, LastErrors, Watch
from app.settings import Settings


class Machines:
    """The two routes."""

    def __init__(self, settings: Settings, watch: Watch) -> None:
        self._watch = watch
        self._networks = _networks(settings.machines)
        self._proxies = _networks(settings.trusted_proxies)
        self._token = settings.machines_token.encode()
        self._is_public = settings.public_url is not None
        """With a public address a proxy on this machine brings visitors."""

    def install(self, app: FastAPI) -> None:
        """Add the routes to *app*."""
        app.add_api_route("/healthz", self.healthz)
        app.add_api_route("/metrics", self.metrics)

    async def healthz(self, request: Request) -> Response:
        """200 while the portal does what it is there for, else 503; what is wrong in a word."""
        self._admit(request)
        health = await self._watch.health()
        wrong = {
            "database": not health.database.answers,
            "migrations": health.database.answers and not health.database.up_to_date,
            "tasks": bool(health.stopped),
        }
        told = {"status": "ok" if health.is_well else "failing", "version": health.version}
        if not health.is_well:
            told["failing"] = ", ".join(name for name, is_wrong in wrong.items() if is_wrong)
        return JSONResponse(told, 200 if health.is_well else 503)

    async def metrics(self, request: Request) -> Response:
        """What Prometheus reads."""
        self._admit(request)
        registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=registry)
        registry.register(_Told(await self._watch.health(), self._watch.errors))
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    def _admit(self, request: Request) -> None:
        """Raises 404 for whoever is not named: nobody else learns that there is something (T1)."""
        if not self._has_token(request) and not self._is_named(request):
            raise HTTPException(404)

    def _has_token(self, request: Request) -> bool:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        same = hmac.compare_digest(given.strip().encode(), self._token)  # as long for any that is wrong
        return bool(self._token) and scheme.lower() == "bearer" and same

    def _is_named(self, request: Request) -> bool:
        """True for an address of the settings that is the asker's own.

        A proxy may say nothing of whom it asks for (nginx as delivered: neither address nor name), so
        that behind one neither this machine's address nor the proxy's is anybody's.
        """
        brought = request.scope.get(request_context.BY_PROXY)
        try:
            address = ipaddress.ip_address(request.client.host if request.client is not None else "")
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        if brought == "unknown" or any(address in network for network in self._proxies):
            return False
        if address.is_loopback and (self._is_public or brought is not None):
            return False
        if not self._networks:
            return address.is_loopback
        return any(address in network for network in self._networks)


def _networks(listed: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    return [ipaddress.ip_network(part.strip(), strict=False) for part in listed.split(",") if part.strip()]


class _Told(Collector):
    """One moment's health as metrics."""

    def __init__(self, health: Health, errors: LastErrors) -> None:
        self._health = health
        self._errors = errors

    def collect(self) -> Iterable[Metric]:
        """The metrics; names end in their unit, as Prometheus wants it."""
        health, database = self._health, self._health.database
        info = InfoMetricFamily("polaris", "The program")
        info.add_metric([], {"version": health.version, "revision": database.revision or ""})
        yield info
        gauges: list[tuple[str, str, float | None]] = [
            ("polaris_up", "1 while the portal does what it is there for", health.is_well),
            ("polaris_start_time_seconds", "Start, Unix time", health.started_at.timestamp()),
            ("polaris_event_loop_lag_seconds", "Worst lateness of the event loop in a minute", health.lag),
            ("polaris_open_pages", "Pages that are kept", health.pages),
            ("polaris_connected_pages", "Pages with a socket", health.connected_pages),
            ("polaris_connected_chargers", "Chargers connected to this process", health.chargers),
            ("polaris_stopped_tasks", "Tasks that should run and don't", len(health.stopped)),
            ("polaris_database_up", "1 while the database answers", database.answers),
            ("polaris_database_answer_seconds", "Time of one small question", database.seconds),
            ("polaris_database_waiting_changes", "Changes that wait for the writer", database.backlog),
            ("polaris_database_bytes", "Size of the SQLite file", database.size),
            ("polaris_database_free_bytes", "Free bytes of its disk", database.free),
        ]
        if (counts := health.counts) is not None:
            since = counts.settling_since
            waiting = 0.0 if since is None else (health.at - since).total_seconds()
            gauges += [
                ("polaris_chargers", "Chargers that are known", counts.chargers),
                ("polaris_heard_chargers", "Heard of within the hour", counts.heard_chargers),
                ("polaris_pending_chargers", "Waiting to be accepted", counts.pending_chargers),
                ("polaris_running_sessions", "Sessions in progress", counts.running_sessions),
                ("polaris_power_watts", "Drawn by running sessions, where known", counts.power_w),
                ("polaris_settling_sessions", "Ended, a driver's, not finalized", counts.settling_sessions),
                ("polaris_settling_seconds", "Age of the oldest of them", waiting),
                ("polaris_open_commands", "Requests to chargers under way", counts.open_commands),
                ("polaris_quarantined_messages", "Kept for the operator to see to", counts.quarantined),
                ("polaris_displays", "Kiosk displays that are paired", counts.displays),
                ("polaris_seen_displays", "Seen within 90 seconds", counts.seen_displays),
            ]
        for name, meaning, value in gauges:
            if value is not None:
                yield GaugeMetricFamily(name, meaning, value=float(value))
        logged = CounterMetricFamily("polaris_logged", "Lines of the log", labels=["level"])
        for level, number in self._errors.counts.items():
            logged.add_metric([level.lower()], number)
        yield logged
