"""An address as a QR code, for whoever stands before a charger with a phone."""

from __future__ import annotations

import segno
from nicegui.element import Element


def show_qr(picture: Element, text: str) -> None:
    """Let *picture*, an ``img``, show *text*, with the quiet zone that readers want."""
    picture.props["src"] = segno.make(text, error="m").svg_data_uri(
        scale=4, border=4, dark="#000", light="#fff"
    )
    picture.update()


def qr_code(text: str, alt: str) -> Element:
    """Draw *text*; *alt* says what it is. Black on white in both themes: cameras want it so."""
    code = Element("img").classes("p-qr")
    show_qr(code, text)
    code.props["alt"] = alt
    code.props["width"] = code.props["height"] = "200"
    return code
