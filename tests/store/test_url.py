"""A secret in the address of the database is in no output, wherever it stands and however it is written."""

import logging
import traceback
from contextlib import contextmanager
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import URL, make_url

from stockrnn.errors import StoreError
from stockrnn.settings import Settings
from stockrnn.store.engine import make_engine, reading
from stockrnn.store.migrate import open_store
from stockrnn.store.url import describe_url, hide_secrets, read_url

HERE = "127.0.0.1"
FORMS = {
    "password": "postgresql+psycopg://user:{}@127.0.0.1:9/prices",
    "password, no port": "postgresql+psycopg://user:{}@127.0.0.1/prices?connect_timeout=1",
    "user name": "postgresql+psycopg://{}:pw@127.0.0.1:9/prices",
    "user name alone": "postgresql+psycopg://{}@127.0.0.1:9/prices",
    "no host": "postgresql+psycopg://user:{}@/prices",
    "no host, no @": "postgresql+psycopg://user:{}/prices",
    "no host, no database": "postgresql+psycopg://user:{}",
    "port": "postgresql+psycopg://user@127.0.0.1:{}/prices",
    "parameter": "postgresql+psycopg://user@127.0.0.1:9/prices?password={}",
    "parameter of another name": "postgresql+psycopg://user@127.0.0.1:9/prices?{}=1",
    "wrong parameter": "postgresql+psycopg://user@127.0.0.1:9/prices?sslmode={}",
    "no number": "postgresql+psycopg://user@127.0.0.1:9/prices?connect_timeout={}",
    "port as a parameter": "postgresql+psycopg://user@127.0.0.1/prices?port={}",
    "no scheme": "user:{}@127.0.0.1/prices",
    "another scheme": "mysql://user:{}@127.0.0.1/prices",
    "scheme": "{}://user@127.0.0.1/prices",
    "wrong scheme": "postgres:user:{}@127.0.0.1/prices",
}
RARE = "QZxJ%@:/?#[]!$&'()*+,;= \"\\|<>^`{}~é\t"
"""Every character that means something in a URL, and letters that make no word of ours in a row of four."""
SECRETS = st.text(RARE, min_size=4, max_size=70)


def said(url):
    """Return all that comes out where a store is opened: the error, its traceback, and what is logged."""
    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(logging.Formatter().format(record))
    logging.getLogger().addHandler(handler)
    try:
        with closing_engine(Settings(database_url=SecretStr(url))) as engine, reading(engine) as connection:
            lines.append(describe_url(engine.url))
            connection.exec_driver_sql("select 1")
    except StoreError as error:
        lines += [str(error), repr(error), *traceback.format_exception(error)]
    finally:
        logging.getLogger().removeHandler(handler)
    return "\n".join(lines)


@contextmanager
def closing_engine(settings):
    engine = make_engine(settings)
    yield engine
    engine.dispose()


def leaks(secret, text):
    written = {secret, quote(secret, safe="")}
    pieces = {one[start : start + 4] for one in written for start in range(len(one) - 3)}
    return sorted(piece for piece in pieces if piece in text)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("encoded", [True, False], ids=["encoded", "as it is"])
def test_no_piece_of_a_secret_comes_out_of_any_form(form, encoded):
    @settings(max_examples=10)
    @given(SECRETS)
    @example("QZxJ@QZxJQ")
    @example("ZQxJ/QZx#JQ?ZZ@JJxQ")
    @example("JJ:QQ:ZZ:xxQ")
    @example("987659876598765")
    @example("47110")
    def check(secret):
        text = said(FORMS[form].format(quote(secret, safe="") if encoded else secret))
        assert leaks(secret, text) == []

    check()


@pytest.mark.parametrize("name", ["QZxJ'\"\\%@:/", "Qé~ZxJ" * 20, "no such user"])
def test_a_server_that_repeats_the_user_name_or_an_option_is_not_repeated(postgres, name):
    there = make_url(postgres.make(empty=True))
    for url in (
        there.set(username=name),
        there.update_query_dict({"options": f"-c {name.replace(' ', '_')}=1"}),
        there.update_query_dict({"application_name": name, "sslmode": "require"}),
        there.update_query_dict({"sslmode": name}),
    ):
        assert leaks(name, said(url.render_as_string(hide_password=False))) == []
    text = said(there.set(database="nowhere").render_as_string(hide_password=False))
    assert 'database "nowhere" does not exist' in text


@pytest.mark.parametrize("secret", ["p@ssword", "pass@wo:rd", "p@ss/word", "p@ss?word", "p@ss#word"])
def test_a_password_that_must_be_encoded_is_told_how(secret):
    with pytest.raises(StoreError, match="percent-encoded, such as %40 for @") as refused:
        read_url(Settings(database_url=SecretStr(FORMS["password"].format(secret))))
    assert "PGPASSWORD" in str(refused.value)


@pytest.mark.parametrize("secret", ["pass:word", "pass/word", "pass?word", "pass#word", "p%40ss", "pa ss"])
def test_a_password_that_can_be_read_is_taken_as_it_is(secret):
    url = read_url(Settings(database_url=SecretStr(FORMS["password"].format(secret))))
    assert (url.password, url.host, url.port, url.database) == (secret.replace("%40", "@"), HERE, 9, "prices")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:////data/stock@home.db", "/data/stock@home.db"),
        ("postgresql+psycopg://me:pw@db.example:5433/prices?sslmode=require", "database prices on db.example"),
        ("postgresql+psycopg://me:pw@[::1]:5433/prices", "database prices on ::1"),
        ("postgresql+psycopg://me@/prices?host=/run/pg", "database prices on /run/pg"),
        ("postgresql+psycopg://", "database (default) on this machine"),
    ],
)
def test_what_is_shown_of_an_address_is_host_and_database(url, shown):
    assert describe_url(read_url(Settings(database_url=SecretStr(url)))) == shown


def test_a_path_with_any_character_is_a_path(tmp_path):
    home = tmp_path / "100% a?b#c@d:e"
    open_store(Settings(home=home)).dispose()
    assert (home / "stockrnn.db").stat().st_size > 0


def test_words_that_a_message_shares_with_the_address_stay_where_they_are_public():
    url = URL.create("postgresql+psycopg", username="prices", host="host", port=5432, database="prices")
    assert hide_secrets('database "prices" on port 5432\n is away', url) == 'database "prices" on port *** is away'
