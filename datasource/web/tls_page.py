"""``/tls``: how a phone comes to trust this centre's local certificate authority, with a QR code and the download.

Open to everybody: a phone that is not paired yet must be able to fetch the certificate, which is no secret.
"""

import hashlib
import ssl
from pathlib import Path

import jinja2
import segno
from fastapi import FastAPI, Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from dashboard.i18n import catalogue
from datasource.addresses import local_ipv4
from datasource.settings import Settings
from datasource.tls import authority_path

_PAGES = Path(__file__).resolve().parents[2] / "layouts" / "pages"


def mount_tls_page(app: FastAPI, settings: Settings) -> None:
    """Add ``GET /tls`` and ``GET /tls/authority.crt``."""
    env = jinja2.Environment(loader=jinja2.FileSystemLoader(_PAGES), autoescape=True)
    own_authority = settings.tls and not settings.tls_cert

    @app.get("/tls", include_in_schema=False)
    async def page(request: Request) -> HTMLResponse:
        lang = request.state.lang
        texts = catalogue(lang)
        address = f"{phone_address(settings)}/tls"
        body = env.get_template("tls.html").render(
            lang=lang,
            t=lambda key: texts.get(key, key),
            own_authority=own_authority,
            tls=settings.tls,
            address=address,
            qr=segno.make(address, error="m").svg_inline(
                scale=6, dark="#161b21", light="#ffffff", border=3, omitsize=True
            ),
            fingerprint=fingerprint(authority_path(settings)) if own_authority else "",
        )
        return HTMLResponse(body, headers={"Cache-Control": "no-store"})

    @app.get("/tls/authority.crt", include_in_schema=False)
    async def authority() -> Response:
        if not own_authority:
            return PlainTextResponse("404\n", 404)
        # Phones want the bare certificate (DER); with this type both iOS and Android offer to install it.
        headers = {"Content-Disposition": 'attachment; filename="muster-authority.crt"', "Cache-Control": "no-store"}
        return Response(_der(authority_path(settings)), headers=headers, media_type="application/x-x509-ca-cert")


def phone_address(settings: Settings) -> str:
    """Return the address under which a phone in the same network reaches us."""
    if settings.public_url:
        return settings.public_url.rstrip("/")
    outward = [a for a in local_ipv4() if not a.startswith("127.")]
    if settings.host in ("0.0.0.0", "::", "") and outward:
        return f"{settings.scheme}://{outward[0]}:{settings.port}"
    return settings.url


def fingerprint(path: Path) -> str:
    """Return the SHA-256 fingerprint of a certificate, in pairs, to be compared with what the phone shows."""
    digest = hashlib.sha256(_der(path)).hexdigest().upper()
    return " ".join(digest[i : i + 4] for i in range(0, len(digest), 4))


def _der(path: Path) -> bytes:
    return ssl.PEM_cert_to_DER_cert(path.read_text())
