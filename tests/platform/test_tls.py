"""Certificates: a local authority, server certificates that phones accept, and given ones."""

import os
import ssl

import pytest
from cryptography import x509

from datasource import tls
from datasource.settings import SettingsError, load


@pytest.fixture
def settings(tmp_path):
    return load({"MUSTER_HOME": str(tmp_path / "home"), "MUSTER_TLS": "1"})


def test_a_local_authority_issues_a_certificate_that_its_own_root_verifies(settings):
    made = tls.certificates(settings)
    leaf = x509.load_pem_x509_certificate(made.certificate.read_bytes())
    root = x509.load_pem_x509_certificate(made.authority.read_bytes())
    leaf.verify_directly_issued_by(root)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "localhost" in names.get_values_for_type(x509.DNSName)
    assert "127.0.0.1" in map(str, names.get_values_for_type(x509.IPAddress))
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(made.certificate, made.key)
    ssl.create_default_context(cafile=str(made.authority))


def test_phones_refuse_certificates_of_more_than_398_days_so_ours_is_shorter(settings):
    leaf = x509.load_pem_x509_certificate(tls.certificates(settings).certificate.read_bytes())
    assert (leaf.not_valid_after_utc - leaf.not_valid_before_utc).days <= 398


def test_the_second_start_keeps_the_authority_and_the_certificate(settings):
    first = tls.certificates(settings)
    before = (first.certificate.read_bytes(), first.authority.read_bytes())
    again = tls.certificates(settings)
    assert (again.certificate.read_bytes(), again.authority.read_bytes()) == before


def test_a_new_address_gets_a_new_certificate_from_the_same_authority(settings, monkeypatch):
    first = tls.certificates(settings)
    root = first.authority.read_bytes()
    before = first.certificate.read_bytes()
    monkeypatch.setattr(tls, "local_ipv4", lambda: ["198.51.100.7"])
    again = tls.certificates(settings)
    assert again.certificate.read_bytes() != before
    assert again.authority.read_bytes() == root


def test_keys_are_for_their_owner_only(settings):
    made = tls.certificates(settings)
    for key in (made.key, made.authority.with_name("authority.key")):
        assert os.stat(key).st_mode & 0o777 == 0o600


def test_a_given_certificate_is_used_as_it_is_and_a_bad_one_is_named(settings, tmp_path):
    made = tls.certificates(settings)
    given = load({"MUSTER_TLS": "1", "MUSTER_TLS_CERT": str(made.certificate), "MUSTER_TLS_KEY": str(made.key)})
    assert tls.certificates(given) == (made.certificate, made.key, None)
    (tmp_path / "bad.pem").write_text("nothing")
    bad = load({"MUSTER_TLS": "1", "MUSTER_TLS_CERT": str(tmp_path / "bad.pem"), "MUSTER_TLS_KEY": str(made.key)})
    with pytest.raises(SettingsError, match=r"MUSTER_TLS_CERT=.*bad\.pem"):
        tls.certificates(bad)
