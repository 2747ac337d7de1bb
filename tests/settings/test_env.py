"""The environment: every error at once, in words, without repeating a value."""

from datetime import date
from pathlib import Path

import pytest
from django.db import connection

from governance.core.models import Team
from governance.settings.env import PREPARE_AFTER, PRODUCTION_SAYS, database, read_settings


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment that says nothing."""
    more = (
        "LOG_LEVEL",
        "ORGANISATION_TIME_ZONE",
        "ORGANISATION_HOLIDAYS",
        "DATABASE_POOL_MAX",
        "COUNTERSIGN_DEMO",
        "EMAIL_URL",
    )
    for name in (*PRODUCTION_SAYS, *more):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_production_names_everything_that_is_missing_at_once(bare: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit) as refused:
        read_settings(production=True)
    for name in PRODUCTION_SAYS:
        assert f"  {name}: missing; " in str(refused.value)


def test_every_malformed_value_is_named_at_once_and_none_is_repeated(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("DATABASE_URL", "postgresql://user:open-sesame@[bad/host")
    bare.setenv("REDIS_URL", "open-sesame")
    bare.setenv("DATABASE_POOL_MAX", "many")
    bare.setenv("COUNTERSIGN_DEMO", "perhaps")
    bare.setenv("LOG_LEVEL", "LOUD")
    bare.setenv("MAIL_DIGEST_AT", "breakfast")
    bare.setenv("ORGANISATION_TIME_ZONE", "Mars/Olympus")
    with pytest.raises(SystemExit) as refused:
        read_settings(production=False)
    message = str(refused.value)
    for name in (
        "DATABASE_URL",
        "REDIS_URL",
        "DATABASE_POOL_MAX",
        "COUNTERSIGN_DEMO",
        "LOG_LEVEL",
        "MAIL_DIGEST_AT",
        "ORGANISATION_TIME_ZONE",
    ):
        assert f"  {name}: " in message
    assert "open-sesame" not in message


@pytest.mark.rule("H8")
def test_invalid_holiday_and_missing_file_are_named(bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bare.setenv("ORGANISATION_HOLIDAYS", "2026-12-25,25.12.2026,2026-02-30")
    with pytest.raises(SystemExit, match=r"ORGANISATION_HOLIDAYS: 25\.12\.2026 is no day; 2026-02-30 is no day; 2026-"):
        read_settings(production=False)
    bare.setenv("ORGANISATION_HOLIDAYS", str(tmp_path / "none.txt"))
    with pytest.raises(SystemExit, match=r"none\.txt can't be read: No such file"):
        read_settings(production=False)
    (tmp_path / "days.txt").write_bytes(b"\xff\xfe2026")
    bare.setenv("ORGANISATION_HOLIDAYS", str(tmp_path / "days.txt"))
    with pytest.raises(SystemExit, match="it is no text"):
        read_settings(production=False)


@pytest.mark.rule("H8")
def test_holidays_are_a_list_or_a_file_with_one_a_line(bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    both = frozenset({date(2026, 12, 25), date(2027, 1, 1)})
    assert read_settings(production=False)["ORGANISATION_HOLIDAYS"] == frozenset()
    bare.setenv("ORGANISATION_HOLIDAYS", "2026-12-25, 2027-01-01,")
    assert read_settings(production=False)["ORGANISATION_HOLIDAYS"] == both
    lines = "# the office is closed\n2026-12-25  Christmas Day\n\n2027-01-01# New Year's Day\n"
    (tmp_path / "days.txt").write_text(lines)
    bare.setenv("ORGANISATION_HOLIDAYS", str(tmp_path / "days.txt"))
    assert read_settings(production=False)["ORGANISATION_HOLIDAYS"] == both


def test_development_needs_no_settings(bare: pytest.MonkeyPatch) -> None:
    values = read_settings(production=False)
    assert values["SECRET_KEY"]
    assert not values["DEMO"]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann:pw@db.example.org:5433/signs?sslmode=verify-full",
        "host=db.example.org port=5433 dbname=signs user=ann password=pw sslmode=verify-full",
    ],
)
def test_a_database_is_named_by_url_or_by_keywords(url: str) -> None:
    entry = database(url, pool_max=3)
    assert [entry[key] for key in ("HOST", "PORT", "NAME", "USER", "PASSWORD")] == [
        "db.example.org",
        "5433",
        "signs",
        "ann",
        "pw",
    ]
    options = entry["OPTIONS"]
    assert isinstance(options, dict)
    assert options["sslmode"] == "verify-full"
    assert options["pool"] == {
        "min_size": 1,
        "max_size": 3,
        "timeout": 3,
        "reconnect_timeout": 0,
    }


def test_no_pool_means_no_pool_options() -> None:
    options = database("host=db.example.org", pool_max=0)["OPTIONS"]
    assert isinstance(options, dict)
    assert "pool" not in options


@pytest.mark.django_db
def test_a_question_that_is_asked_again_is_planned_once() -> None:
    for number in range(PREPARE_AFTER + 1):
        assert not Team.objects.filter(name=f"Nobody's {number}").exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE strpos(statement, %s) > 0", ["controls_team"])
        assert cursor.fetchone() == (1,)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://mail.example.org", "begins with smtp:// or submission://"),
        ("smtps://mail.example.org", "begins with smtp:// or submission://"),
        ("smtp://", "names no host"),
        ("smtp://a:open-sesame@:25", "names no host"),
        ("smtp://mail.example.org:open", "Not a valid email URL"),
        ("smtp://robot:open-sesame@mail.example.org", "sends the password in the clear"),
    ],
)
@pytest.mark.filterwarnings("ignore:`smtps` scheme")
def test_a_mail_server_that_is_none_or_hears_a_password_in_the_clear_is_refused(
    bare: pytest.MonkeyPatch, url: str, why: str
) -> None:
    bare.setenv("EMAIL_URL", url)
    with pytest.raises(SystemExit, match=f"EMAIL_URL: .*{why}") as refused:
        read_settings(production=False)
    assert "open-sesame" not in str(refused.value)


def test_a_mail_server_is_named_with_user_password_port_and_encryption(bare: pytest.MonkeyPatch) -> None:
    assert read_settings(production=False)["MAIL_SERVER"] is None
    bare.setenv("EMAIL_URL", "submission://us%40er:p%3Aw@mail.example.org")
    server = read_settings(production=False)["MAIL_SERVER"]
    assert (server["host"], server["port"], server["use_tls"]) == ("mail.example.org", 587, True)
    assert (server["username"], server["password"]) == ("us@er", "p:w")
    bare.setenv("EMAIL_URL", "smtp://robot:pw@mail.example.org:465?ssl=true")
    assert read_settings(production=False)["MAIL_SERVER"]["use_ssl"]


def test_a_password_goes_in_the_clear_only_where_a_setting_allows_it(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("EMAIL_URL", "smtp://robot:pw@localhost")
    bare.setenv("EMAIL_PASSWORD_IN_CLEAR", "1")
    server = read_settings(production=False)["MAIL_SERVER"]
    assert (server["host"], server["port"], server["use_tls"]) == ("localhost", 25, False)


@pytest.mark.parametrize(
    "url",
    [
        "countersign.example.org",
        "https://",
        "ftp://a.example",
        "https://a.example/sub/",
        "https://a.example#top",
        "https://a.example:abc",
        "https://robot:open-sesame@a.example",
    ],
)
def test_the_base_url_is_the_portals_root(bare: pytest.MonkeyPatch, url: str) -> None:
    bare.setenv("BASE_URL", url)
    with pytest.raises(SystemExit, match="BASE_URL: "):
        read_settings(production=False)


def test_production_answers_for_named_hosts_alone(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("ALLOWED_HOSTS", "countersign.example.org,*")
    with pytest.raises(SystemExit, match=r"  ALLOWED_HOSTS: \* is every host; name them"):
        read_settings(production=True)


@pytest.mark.rule("S5")
@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("", "missing; "),
        ("proxy.example.org", "proxy.example.org is no network"),
        ("10.0.0.1/8", "10.0.0.1/8 is no network"),
        ("10.0.0.0/8,0.0.0.0/0", "0.0.0.0/0 trusts everybody"),
        ("::/0", "::/0 trusts everybody"),
        ("2", "2 is no network"),
    ],
)
def test_production_names_trusted_proxies(bare: pytest.MonkeyPatch, value: str, why: str) -> None:
    bare.setenv("TRUSTED_PROXIES", value)
    with pytest.raises(SystemExit) as refused:
        read_settings(production=True)
    assert f"  TRUSTED_PROXIES: {why}" in str(refused.value)


def test_trusted_proxies_are_addresses_networks_or_none(bare: pytest.MonkeyPatch) -> None:
    for value, networks in (("", ()), ("none", ()), ("127.0.0.1, fd00::/8", ("127.0.0.1/32", "fd00::/8"))):
        bare.setenv("TRUSTED_PROXIES", value)
        assert tuple(map(str, read_settings(production=False)["TRUSTED_PROXIES"])) == networks


@pytest.mark.rule("P1")
def test_bad_providers_are_named_with_other_errors(bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bare.setenv("SIGN_IN_PROVIDERS", str(tmp_path / "nowhere.toml"))
    bare.setenv("LOG_LEVEL", "LOUD")
    with pytest.raises(SystemExit, match=r"LOG_LEVEL: [\s\S]*SIGN_IN_PROVIDERS: .*nowhere.toml can't be read"):
        read_settings(production=False)


@pytest.mark.rule("P1")
def test_passwords_are_off_only_with_a_provider(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("PASSWORD_SIGN_IN", "off")
    with pytest.raises(SystemExit, match="PASSWORD_SIGN_IN: off needs SIGN_IN_PROVIDERS, or nobody could sign in"):
        read_settings(production=False)


@pytest.mark.parametrize(
    "url", ["http://siem.example/", "https://", "https://user:pw@siem.example", "udp://siem:514", "x", "https://[x"]
)
def test_audit_stream_goes_to_an_address_of_a_siem(bare: pytest.MonkeyPatch, url: str) -> None:
    bare.setenv("AUDIT_STREAM_URL", url)
    with pytest.raises(SystemExit, match="AUDIT_STREAM_URL: not understood; https://"):
        read_settings(production=False)


def test_authorization_of_audit_stream_is_one_line_of_a_file(bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("Splunk a-token\n")
    bare.setenv("AUDIT_STREAM_AUTHORIZATION_FILE", str(file))
    assert read_settings(production=False)["AUDIT_STREAM_AUTHORIZATION"] == "Splunk a-token"
    for content in ("", "two\nlines"):
        file.write_text(content)
        with pytest.raises(SystemExit, match="AUDIT_STREAM_AUTHORIZATION_FILE: has no line, or more than one"):
            read_settings(production=False)
