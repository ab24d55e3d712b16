"""Companies: what their services are called, what they deal with, and under which paths."""

from __future__ import annotations

from typing import NamedTuple


class Domain(NamedTuple):
    """Names by role; `things` are what the company deals with."""

    name: str
    edges: tuple[str, ...]
    guards: tuple[str, ...]
    apps: tuple[str, ...]
    workers: tuple[str, ...]
    stores: tuple[str, ...]
    things: tuple[str, ...]
    person: str


DOMAINS: tuple[Domain, ...] = (
    Domain(
        "hospital",
        ("ward-portal", "front-door"),
        ("badge-login", "staff-identity"),
        (
            "bed-planner",
            "lab-orders",
            "prescriptions",
            "imaging-index",
            "triage",
            "diet-kitchen",
            "consents",
            "vitals-feed",
            "theatre-plan",
        ),
        ("hl7-intake", "letter-printer", "discharge-batch", "claims-export"),
        ("chart-store", "ward-cache", "event-bus", "lab-db"),
        ("bed", "specimen", "prescription", "study", "admission", "consent", "referral"),
        "patient",
    ),
    Domain(
        "shop",
        ("storefront", "edge-proxy"),
        ("customer-id", "login-svc"),
        ("cart", "pricing", "stock", "search", "vouchers", "returns", "reviews", "recommender", "checkout"),
        ("parcel-labels", "mailer", "feed-import", "image-resizer"),
        ("orders-db", "session-cache", "order-bus", "catalog-db"),
        ("order", "voucher", "article", "basket", "return", "offer", "parcel"),
        "customer",
    ),
    Domain(
        "bank",
        ("branch-gateway", "open-api"),
        ("sso", "token-mint"),
        (
            "accounts",
            "transfers",
            "cards",
            "limits",
            "fx-rates",
            "loans",
            "statements",
            "fraud-check",
            "mandates",
        ),
        ("settlement", "swift-out", "interest-run", "doc-archive"),
        ("core-ledger", "quote-cache", "payments-bus", "card-db"),
        ("transfer", "mandate", "card", "posting", "quote", "statement", "loan"),
        "holder",
    ),
    Domain(
        "logistics",
        ("dispatch-web", "partner-api"),
        ("driver-login", "access-broker"),
        (
            "routing",
            "dock-plan",
            "tracking",
            "customs",
            "fleet",
            "tariffs",
            "warehouse",
            "returns-desk",
            "slots",
        ),
        ("edi-reader", "label-spooler", "geo-sync", "invoice-run"),
        ("freight-db", "geo-cache", "scan-bus", "fleet-db"),
        ("shipment", "pallet", "route", "truck", "dock", "manifest", "scan"),
        "consignee",
    ),
    Domain(
        "media",
        ("player-edge", "studio-web"),
        ("viewer-auth", "entitlements"),
        (
            "playlists",
            "metadata",
            "subtitles",
            "adverts",
            "profiles",
            "recommend",
            "live-guide",
            "ratings",
            "drm-keys",
        ),
        ("transcoder", "thumbnailer", "royalty-run", "ingest"),
        ("media-db", "hot-cache", "play-bus", "rights-db"),
        ("title", "episode", "playlist", "stream", "rendition", "profile", "licence"),
        "viewer",
    ),
    Domain(
        "energy",
        ("customer-web", "grid-api"),
        ("iam", "operator-login"),
        (
            "meters",
            "tariff-engine",
            "outage-map",
            "forecast",
            "contracts",
            "balancing",
            "switching",
            "charging",
            "assets",
        ),
        ("reading-import", "bill-run", "market-link", "report-maker"),
        ("meter-db", "point-cache", "telemetry-bus", "contract-db"),
        ("reading", "meter", "contract", "feeder", "tariff", "session", "forecast"),
        "subscriber",
    ),
    Domain(
        "travel",
        ("booking-web", "agent-api"),
        ("traveller-id", "grant-server"),
        (
            "seats",
            "fares",
            "inventory",
            "loyalty",
            "check-in",
            "itineraries",
            "ancillaries",
            "refunds",
            "availability",
        ),
        ("ticketing", "pnr-sync", "notify", "schedule-load"),
        ("booking-db", "fare-cache", "trip-bus", "loyalty-db"),
        ("booking", "seat", "fare", "ticket", "segment", "refund", "itinerary"),
        "traveller",
    ),
    Domain(
        "education",
        ("campus-web", "mobile-bff"),
        ("student-login", "idp"),
        ("courses", "exams", "grades", "library", "timetable", "dormitory", "forums", "fees", "transcripts"),
        ("plagiarism-scan", "roster-sync", "certificate-printer", "archive-job"),
        ("campus-db", "page-cache", "campus-bus", "exam-db"),
        ("course", "exam", "enrolment", "loan", "room", "grade", "submission"),
        "student",
    ),
)
