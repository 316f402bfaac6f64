"""Settings: read from the environment, checked, and said plainly when wrong."""

import os

import pytest

from datasource import settings as s


def test_an_empty_environment_gives_a_local_instance_with_its_own_redis_and_sqlite():
    found = s.load({})
    assert found.port == 8050
    assert found.embedded_redis
    assert found.redis.startswith("unix://")
    assert found.database.startswith("sqlite:///")
    assert found.positions != found.database


def test_plain_PORT_is_read_and_MUSTER_PORT_wins():
    assert s.load({"PORT": "9000"}).port == 9000
    assert s.load({"PORT": "9000", "MUSTER_PORT": "9001"}).port == 9001
    assert s.load({"PORT": "9000", "MUSTER_PORT": "9001"}, port=9002).port == 9002


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"MUSTER_PORT": "web"}, "MUSTER_PORT=web: a whole number"),
        ({"MUSTER_PORT": "70000"}, "MUSTER_PORT=70000: a whole number <= 65535"),
        ({"MUSTER_DEMO": "maybe"}, "MUSTER_DEMO=maybe: 1 or 0"),
        ({"MUSTER_LOG_LEVEL": "loud"}, "MUSTER_LOG_LEVEL=loud: debug, info, warning or error"),
        ({"MUSTER_CITY_SCALE": "0"}, "MUSTER_CITY_SCALE=0: a number > 0"),
        ({"MUSTER_SECRET_KEY": "short"}, "MUSTER_SECRET_KEY has 5 characters"),
        ({"MUSTER_TLS_CERT": "/etc/cert.pem"}, "MUSTER_TLS_CERT and MUSTER_TLS_KEY belong together"),
        ({"MUSTER_SECRET_KEY_FILE": "/does/not/exist"}, "MUSTER_SECRET_KEY_FILE names /does/not/exist"),
    ],
)
def test_a_wrong_value_is_refused_with_its_variable_and_what_is_expected(env, said):
    with pytest.raises(s.SettingsError, match=said.replace("?", r"\?")):
        s.load(env)


def test_a_secret_comes_from_a_file(tmp_path):
    (tmp_path / "key").write_text("k" * 40 + "\n")
    assert s.load({"MUSTER_SECRET_KEY_FILE": str(tmp_path / "key")}).secret() == "k" * 40


def test_a_mistyped_variable_is_found_with_what_was_meant():
    assert s.unknown({"MUSTER_PROT": "1", "MUSTER_PORT": "1", "MUSTER_SECRET_KEY_FILE": "x"}) == {
        "MUSTER_PROT": "MUSTER_PORT"
    }


def test_children_get_exactly_the_same_settings():
    mine = s.load({"MUSTER_HOME": "/srv/muster", "PORT": "8123", "MUSTER_DEMO": "yes", "MUSTER_CITY_SCALE": "0.5"})
    assert s.load(mine.environment()) == mine


def test_the_home_folder_is_private_and_keeps_its_key(tmp_path):
    mine = s.load({"MUSTER_HOME": str(tmp_path / "home")})
    s.make_home(mine)
    key = mine.secret()
    s.make_home(mine)
    assert mine.secret() == key
    assert len(key) == 64
    assert os.stat(mine.home_dir).st_mode & 0o777 == 0o700
    assert os.stat(mine.home_dir / "secret.key").st_mode & 0o777 == 0o600


def test_sockets_move_to_a_short_private_folder_when_the_home_is_too_deep(tmp_path):
    deep = s.load({"MUSTER_HOME": str(tmp_path / ("d" * 60) / ("e" * 60))})
    s.make_home(deep)
    try:
        assert deep.socket_dir != deep.run_dir
        assert len(os.fsencode(deep.gateway_socket)) < 100
        assert os.stat(deep.socket_dir).st_mode & 0o777 == 0o700
        assert s.load({"MUSTER_HOME": str(tmp_path)}).socket_dir != deep.socket_dir
    finally:
        deep.socket_dir.rmdir()


def test_somebody_elses_folder_is_not_taken_for_the_sockets(tmp_path):
    deep = s.load({"MUSTER_HOME": str(tmp_path / ("d" * 60) / ("f" * 60))})
    deep.socket_dir.mkdir(mode=0o777)
    deep.socket_dir.chmod(0o777)
    try:
        with pytest.raises(s.SettingsError, match="not a private folder"):
            s.make_home(deep)
    finally:
        deep.socket_dir.rmdir()


def test_links_use_the_public_address_when_there_is_one():
    assert s.load({"PORT": "80"}).url == "http://127.0.0.1:80"
    assert s.load({"MUSTER_PUBLIC_URL": "https://muster.example/"}).url == "https://muster.example"
    assert s.load({"MUSTER_HOST": "::1", "MUSTER_TLS": "1"}).url == "https://[::1]:8050"


def test_commands_in_another_terminal_find_the_instance_that_runs_in_this_home(tmp_path):
    running = s.load({"MUSTER_HOME": str(tmp_path), "PORT": "8123", "MUSTER_TLS": "1", "MUSTER_SECRET_KEY": "s" * 40})
    s.make_home(running)
    s.note_running(running)
    assert "s" * 40 not in (running.run_dir / "instance.json").read_text()
    found = s.load_running({"MUSTER_HOME": str(tmp_path)})
    assert found.url == "https://127.0.0.1:8123"
    assert s.load_running({"MUSTER_HOME": str(tmp_path), "MUSTER_PORT": "9000"}).port == 9000
